import base64
import hashlib
import re

from nnloop.report.web.html import code, details, diff, escape, page, remark, section, table, tag, tiles


def test_what_is_no_markup_is_escaped_wherever_it_stands() -> None:
    assert tag("p", "<b>", title='"<x>') == '<p title="&quot;&lt;x&gt;">&lt;b&gt;</p>'
    assert code("<i>") == "<pre><code>&lt;i&gt;</code></pre>"
    assert "<i>" not in diff("+<i>")
    assert escape("a\x00b\u202ec\r\nd") == "a\\u0000b\\u202ec\nd"


def test_content_may_be_nested_and_none_is_nothing() -> None:
    assert tag("p", ["a", (tag("b", i) for i in range(2)), None], 1.5) == "<p>a<b>0</b><b>1</b>1.5</p>"


def test_attributes_get_dashes_and_none_is_left_out() -> None:
    assert tag("a", href=None, class_="x", aria_label="y") == '<a class="x" aria-label="y"></a>'


def test_a_table_has_a_head_and_a_row_for_each_of_its_rows() -> None:
    drawn = table(["one", "two"], [[1, "<"], [None, 2]])
    assert '<th scope="col">one</th><th scope="col">two</th>' in drawn
    assert "<tr><td>1</td><td>&lt;</td></tr><tr><td></td><td>2</td></tr>" in drawn


def test_a_section_stands_under_its_heading() -> None:
    assert section("A & B", remark("faint"), id="x") == (
        '<section id="x"><h2>A &amp; B</h2><p class="sub">faint</p></section>'
    )


def test_a_tile_shows_a_value_its_name_and_a_note() -> None:
    tile = '<div class="tile"><b>5</b>admitted<span>of 9</span></div>'
    assert tiles([("5", "admitted", "of 9")]) == f'<div class="tiles">{tile}</div>'


def test_a_fold_opens_at_its_title() -> None:
    assert details("more", "text", open="") == '<details open=""><summary>more</summary>text</details>'


def test_a_diff_marks_added_and_deleted_lines_and_its_head() -> None:
    kinds = ["hunk", "hunk", "hunk", "del", "add", "", "del"]
    drawn = diff("--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n same\n--- no head")
    assert re.findall(r"<span(.*?)>", drawn) == [f' class="{kind}"' if kind else "" for kind in kinds]


def test_a_page_names_the_digest_of_its_own_script_alone() -> None:
    digest = base64.b64encode(hashlib.sha256(b"go()").digest()).decode()
    assert f"script-src 'sha256-{digest}';" in page("title", script="go()")
    assert "script-src 'none';" in page("title", "<script>go()</script>")
    assert "<script>" not in page("title", "<script>go()</script>")


def test_a_page_carries_its_title_and_its_style_sheet() -> None:
    drawn = page("a < b", tag("h1", "x"))
    assert "<title>a &lt; b - nnloop</title>" in drawn
    assert "prefers-color-scheme: dark" in drawn
    assert "<main><h1>x</h1></main>" in drawn
