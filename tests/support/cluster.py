"""A real SLURM of one node for the tests: slurmctld, slurmd and munged from Debian's packages, as root, on loopback.

    python tests/support/cluster.py up FOLDER     start it, and say how to talk to it
    python tests/support/cluster.py down FOLDER   end it

Everything lies in the folder but munge's key and socket. There is no accounting, as on many sites: sacct tells nothing.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "slurm-wlm-basic-plugins", "munge")
MUNGE_KEY = Path("/etc/munge/munge.key")
MUNGE_SOCKET = Path("/run/munge/munge.socket.2")

CONFIG = """
ClusterName=nnloop
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/cgroup,task/affinity
TaskPluginParam=cores
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=1000
MpiDefault=none
ReturnToService=2
KillWait=5
MinJobAge=60
SlurmctldTimeout=30
SlurmdTimeout=30
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,sched_interval=2
GresTypes=gpu
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:fake:2 State=UNKNOWN
PartitionName=debug Nodes={host} Default=YES MaxTime=1440 State=UP
PartitionName=gpu Nodes={host} MaxTime=1440 State=UP
"""


def missing() -> str | None:
    """Why no cluster can be started here; None where one can."""
    if os.geteuid() != 0:
        return "SLURM's daemons are started as root here"
    gone = [name for name in ("slurmctld", "slurmd", "sbatch", "munged") if not shutil.which(name, path=_path())]
    return f"{', '.join(gone)} not installed: apt-get install {' '.join(PACKAGES)}" if gone else None


def up(folder: Path) -> dict[str, str]:
    """Start the cluster; return the environment to talk to it."""
    for part in ("state", "spool"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    _munge()
    node = _run("slurmd", "-C")
    cpus, memory = (int(re.search(rf"{key}=(\d+)", node)[1]) for key in ("CPUs", "RealMemory"))  # type: ignore[index]
    host = socket.gethostname().partition(".")[0]
    text = CONFIG.format(host=host, ports=_free_ports(), folder=folder, cpus=cpus, memory=memory * 9 // 10)
    (folder / "slurm.conf").write_text(text)
    for number in range(2):  # any character device counts as a GPU
        if not (folder / f"gpu{number}").exists():
            os.mknod(folder / f"gpu{number}", 0o20666, os.makedev(1, 3))
    (folder / "gres.conf").write_text(f"NodeName={host} Name=gpu Type=fake File={folder}/gpu[0-1]\n")
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nConstrainCores=yes\nConstrainRAMSpace=yes\n")
    environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": _path()}
    for daemon in ("slurmctld", "slurmd"):
        _run(daemon, "-f", str(folder / "slurm.conf"), **environment)
    for _ in range(300):
        if _run("sinfo", "-h", "-p", "debug", "-o", "%T", **environment).strip() == "idle":
            return environment
        time.sleep(0.1)
    raise RuntimeError(f"the node does not come up: see {folder}/slurmctld.log and slurmd.log")


def down(folder: Path) -> None:
    """End every job and the daemons that `up` started."""
    environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": _path()}
    subprocess.run(["scancel", "--state=PENDING", "--state=RUNNING", "--full"], env={**os.environ, **environment})
    for daemon in ("slurmd", "slurmctld"):
        file = folder / f"{daemon}.pid"
        if file.exists() and file.read_text().strip():
            _end(int(file.read_text()))


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _munge() -> None:
    if not MUNGE_KEY.exists() or not MUNGE_KEY.stat().st_size:
        MUNGE_KEY.write_bytes(os.urandom(1024))
    shutil.chown(MUNGE_KEY, "munge", "munge")
    MUNGE_KEY.chmod(0o400)
    MUNGE_SOCKET.parent.mkdir(parents=True, exist_ok=True)
    shutil.chown(MUNGE_SOCKET.parent, "munge", "munge")
    MUNGE_SOCKET.parent.chmod(0o755)
    if subprocess.run(["munge", "-n"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        subprocess.run(["runuser", "-u", "munge", "--", "/usr/sbin/munged", "--force"], check=True)


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
        for _ in range(100):
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "Z":  # nobody may reap a daemon where process 1 is no init
                return
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError):
        return


def _run(*command: str, **environment: str) -> str:
    env = {**os.environ, "PATH": _path(), **environment}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout


def _path() -> str:
    """PATH with the folders of the daemons, which not every shell has."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


if __name__ == "__main__":
    action, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    if action == "up":
        if (why := missing()) is not None:
            sys.exit(why)
        print(f"export SLURM_CONF={up(folder)['SLURM_CONF']}")
    else:
        down(folder)
