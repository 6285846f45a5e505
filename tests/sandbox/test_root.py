"""The new root shows the view and nothing else, and only its scratch folders can be written."""

from pathlib import Path

import pytest
from sandboxes import alone
from trials import linux

pytestmark = linux

CODE = """
    import os
    from nnloop.sandbox import kernel, layers, root
    from nnloop.sandbox.view import View

    hidden = [{hidden!r}, {file!r}]
    view = View(readable=[{readable!r}], links=[{link!r}], listed=[], hidden=hidden, parts=[], devices=["/dev/null"])
    try:
        layers.enter(layers.Layers(user=os.geteuid() != 0))
        kernel.unshare(kernel.CLONE_NEWNS)
    except OSError:
        print("no namespaces")
        raise SystemExit
    root.enter(view, 1, new_proc=False)
    print(sorted(os.listdir("/")), sorted(os.listdir(os.path.dirname({readable!r}))))
    print(sorted(os.listdir({readable!r})), os.listdir({hidden!r}), open({file!r}).read())
    print(open({link!r} + "/code").read())
    print(os.getcwd(), os.access({readable!r}, os.W_OK), os.access("/", os.W_OK), os.access(".", os.W_OK))
    try:
        open("large", "wb").write(bytes(2 << 20))
    except OSError as error:
        print(error.strerror)
"""


def test_a_new_root_holds_the_view(tmp_path: Path) -> None:
    shown = tmp_path.resolve() / "shown"
    (shown / "hidden").mkdir(parents=True)
    for file in ("hidden/labels", "secret", "code"):
        (shown / file).write_text("text")
    (shown.parent / "link").symlink_to("shown")
    (shown.parent / "beside").write_text("")
    paths = {"readable": shown, "hidden": shown / "hidden", "file": shown / "secret", "link": shown.parent / "link"}
    said = alone(CODE.format(**{name: str(path) for name, path in paths.items()})).splitlines()
    if said == ["no namespaces"]:
        pytest.skip("this machine has no mount namespaces for this user")
    top = shown.parts[1]
    assert said == [
        f"{sorted({'dev', 'proc', 'scratch', 'tmp', '.old', top})} ['link', 'shown']",
        "['code', 'hidden', 'secret'] [] ",
        "text",
        "/scratch False False True",
        "No space left on device",
    ]
    assert sorted(path.name for path in (shown / "hidden").iterdir()) == ["labels"]
