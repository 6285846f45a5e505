"""Further shapes of answers, found by asking what else 7B code models and hosted models make of the forms."""

import textwrap

from answers import ACT, DELTA, DRAFT, NEW, OLD, STEP, Case, block, swapped
from edits import WIDER, WIDER_BODY, WIDER_DIFF

from nnloop.records import Status

UNPARSEABLE, PATCH_FAILED = Status.UNPARSEABLE, Status.PATCH_FAILED
BLOCK = block(OLD, NEW)

WRAPPED = [
    Case("another language of the fence", f"```patch\n{WIDER_DIFF}```"),
    Case("four backticks", f"````diff\n{WIDER_DIFF}````"),
    Case("tildes", f"~~~diff\n{WIDER_DIFF}~~~"),
    Case("a fence on the tag's line", f"<delta>```diff\n{WIDER_DIFF}```</delta>"),
    Case("capital tags", f"<DELTA>\n{WIDER_DIFF}</DELTA>"),
    Case("a tag with an attribute", f'<delta file="net.py">\n{WIDER_DIFF}</delta>'),
    Case("bold tags", f"**<delta>**\n{WIDER_DIFF}**</delta>**"),
    Case("tags as code", f"`<delta>`\n{WIDER_DIFF}`</delta>`"),
    Case("escaped tags", f"&lt;delta&gt;\n{WIDER_DIFF}&lt;/delta&gt;"),
    Case("square tags", f"[delta]\n{WIDER_DIFF}[/delta]"),
    Case("tags named patch", f"<patch>\n{WIDER_DIFF}</patch>"),
    Case("a closing tag without its slash", f"<delta>\n{WIDER_DIFF}<delta>"),
    Case("a closing tag of another name", f"<delta>\n{WIDER_DIFF}</diff>"),
    Case("CDATA", f"<delta><![CDATA[\n{WIDER_DIFF}]]></delta>"),
    Case("a quotation", textwrap.indent(DELTA, "> ")),
    Case("an end token as text", f"{DELTA}<|im_end|>"),
    Case("a role as text", f"<|im_start|>assistant\n{DELTA}"),
    Case("a box", f"\\boxed{{\n{DELTA}\n}}"),
    Case("a shell's here-document", f"```bash\ngit apply - <<'EOF'\n{WIDER_DIFF}EOF\n```"),
    Case("apply_patch in a shell", f"```bash\napply_patch <<'EOF'\n{STEP}@@\n{WIDER_BODY}*** End Patch\nEOF\n```"),
    Case("a file name above the fence", f"net.py:\n```diff\n{WIDER_BODY}```"),
    Case("a file name as a comment", f"```diff\n# net.py\n{WIDER_BODY}```"),
    Case("a zero-width space before the tag", f"\u200b{DELTA}"),
]
HUNKS = [
    Case("one @", f"<delta>\n@ -9,3 +9,3 @\n{WIDER_BODY}</delta>"),
    Case("three @", f"<delta>\n@@@ -9,3 +9,3 @@@\n{WIDER_BODY}</delta>"),
    Case("a line in words", f"<delta>\n@@ line 9 @@\n{WIDER_BODY}</delta>"),
    Case("an indented diff", f"<delta>\n{textwrap.indent(WIDER_DIFF, '    ')}</delta>"),
    Case("indented changes without a header", f"<delta>\n{textwrap.indent(f'-{OLD}+{NEW}', '    ')}</delta>"),
    Case("a space behind the marks", f"<delta>\n@@ @@\n- {OLD}+ {NEW}</delta>"),
    Case("a minus sign", DELTA.replace("\n-", "\n\u2212")),
    Case("a dash", swapped(f"-{OLD}", f"\u2013{OLD}", DELTA)),
    Case("no newline at the end", f"<delta>\n{WIDER_DIFF}\\ No newline at end of file\n</delta>"),
    Case(
        "line numbers among the lines",
        f"<delta>\n@@ @@\n 9 {ACT}-10 {OLD}+10 {NEW}</delta>",
        PATCH_FAILED,
        "^the source has no line '9 ",
    ),
]
PAIRS = [
    Case("blocks in a list", f"1. Widen it:\n\n{textwrap.indent(BLOCK, '   ')}"),
    Case("indented blocks", f"<delta>\n{textwrap.indent(BLOCK, '  ')}</delta>"),
    Case("indented marks", block(OLD, NEW, " <<<<<<< SEARCH", " =======", " >>>>>>> REPLACE")),
    Case("four signs a mark", block(OLD, NEW, "<<<< SEARCH", "====", ">>>> REPLACE")),
    Case("a mark the wrong way round", block(OLD, NEW, end="<<<<<<< REPLACE")),
    Case("capital tags for search and replace", f"<SEARCH>\n{OLD}</SEARCH>\n<REPLACE>\n{NEW}</REPLACE>\n"),
    Case("tags on the lines", f"<search>{OLD.strip()}</search>\n<replace>{NEW.strip()}</replace>\n"),
    Case("tags for find and replace", f"<find>\n{OLD}</find>\n<replace>\n{NEW}</replace>\n"),
    Case("short tags for old and new", f"<delta>\n<old>\n{OLD}</old>\n<new>\n{NEW}</new>\n</delta>"),
    Case("tags for before and after", f"<before>\n{OLD}</before>\n<after>\n{NEW}</after>\n"),
    Case("fences under labels", f"SEARCH:\n```python\n{OLD}```\nREPLACE:\n```python\n{NEW}```\n"),
    Case("fences under bold labels", f"**Search:**\n```\n{OLD}```\n\n**Replace with:**\n```\n{NEW}```\n"),
    Case("dashes for the divider", block(OLD, NEW, divider="-------"), PATCH_FAILED, "a block has no divider"),
    Case("a command of sed", "```bash\nsed -i 's/16, 32/16, 64/' net.py\n```", UNPARSEABLE, "no diff"),
    Case("a diff in JSON", '{"delta": "@@ @@\\n-a\\n+b"}', UNPARSEABLE, "no diff"),
    Case("changes as a list", f"- Remove `{OLD.strip()}`\n+ Add `{NEW.strip()}`\n", UNPARSEABLE, "no diff"),
]
THOUGHTS = [
    Case("two thoughts", f"<think>a</think>\n<think>\n{DRAFT}\n</think>\n{DELTA}"),
    Case("a thought in a thought", f"<think>\n<think>\nx\n</think>\n{DRAFT}\n</think>\n{DELTA}"),
    Case("a thought named in a sentence", f"I will <think> about it.\n{DELTA}"),
    Case("a thought with a colon", f"<seed:think>\n{DRAFT}\n</seed:think>\n{DELTA}"),
    Case("the final channel alone", f"<|channel|>final<|message|>{DELTA}<|return|>"),
]
WHOLE = [
    Case("capital tags around a program", f"<NN>\n{WIDER}</NN>", mode="full"),
    Case("tags named python", f"<python>\n{WIDER}</python>", mode="full"),
    Case("bold tags around a program", f"**<nn>**\n{WIDER}**</nn>**", mode="full"),
    Case("an indented program", f"<nn>\n{textwrap.indent(WIDER, '    ')}</nn>", mode="full"),
    Case("CDATA around a program", f"<nn><![CDATA[\n{WIDER}]]></nn>", mode="full"),
    Case("a program in a quotation", textwrap.indent(f"```python\n{WIDER}```", "> "), mode="full"),
    Case("carriage returns in a program", f"<nn>\n{WIDER}</nn>".replace("\n", "\r\n"), mode="full"),
    Case("a file name above a program", f"```python\n# net.py\n{WIDER}```", mode="full"),
    Case("an end token behind a program", f"<nn>\n{WIDER}</nn><|im_end|>", mode="full"),
    Case(
        "numbered lines",
        "".join(f"{at} {line}\n" for at, line in enumerate(WIDER.split("\n"))),
        UNPARSEABLE,
        mode="full",
    ),
]

ODD_ANSWERS = [*WRAPPED, *HUNKS, *PAIRS, *THOUGHTS, *WHOLE]
