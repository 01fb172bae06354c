"""Whether a page can be used without a mouse and read by everybody: the way of the focus, and axe-core's rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import Invalid
from seatrial.probes.text import one_line

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = Path(".cache/node/node_modules/axe-core/axe.min.js")
MOST_STOPS = 200
# What a control looks like; it must differ while the control has the focus (WCAG 2.2, criterion 2.4.7).
_STOP = """number => {
  const all = Array.from(document.querySelectorAll("*")), now = document.activeElement;
  const look = each => {
    const style = getComputedStyle(each);
    const outline = style.outlineStyle === "none" ? "" : `${style.outlineStyle} ${style.outlineWidth} ${style.outlineColor}`;
    return [outline, style.boxShadow, style.borderColor, style.backgroundColor, style.textDecorationLine].join("; ");
  };
  const left = all[number] ? look(all[number]) : "";
  if (!now || now === document.body) return { number: -1, name: "", shown: false, look: "", left };
  const box = now.getBoundingClientRect(), said = now.ariaLabel || now.labels?.[0]?.textContent || now.textContent;
  const shown = box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0
    && box.top < innerHeight && box.left < innerWidth;
  return { number: all.indexOf(now), name: `${now.localName} ${said.trim()}`.trim().slice(0, 60), shown, look: look(now), left };
}"""
_CONTROLS = """() => {
  const all = Array.from(document.querySelectorAll("*"));
  const kinds = "a[href], button, input:not([type=hidden]), select, textarea, summary, video[controls], audio[controls]";
  return all.flatMap((each, number) => each.matches(kinds) && !each.matches(":disabled, [inert] *")
    && each.checkVisibility() ? [[number, `${each.localName} ${each.textContent.trim()}`.trim().slice(0, 60)]] : []);
}"""
_AUDIT = """tags => axe.run(document, { runOnly: { type: "tag", values: tags } }).then(({ passes, violations, incomplete }) => ({
  passed: Object.fromEntries(passes.map(({ id, nodes }) => [id, nodes.length])),
  violated: violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) =>
    `${id} at ${target.join(" ")}: ${failureSummary.replace(/\\s+/g, " ")}`)),
  open: incomplete.map(({ id }) => id) }))"""


@dataclass(frozen=True)
class Stop:
    """A place where the focus rests on its way through the page with the Tab key.

    Attributes:
        name: the element and what it is called, "button Sign in".
        shown: it lies within the window.
        marked: it looks otherwise than without the focus.
    """

    name: str
    shown: bool
    marked: bool


@dataclass(frozen=True)
class Walk:
    """The way of the focus: where it rests, and the controls that it never reaches."""

    stops: tuple[Stop, ...]
    missed: tuple[str, ...]


@dataclass(frozen=True)
class Audit:
    """What axe-core says of a page.

    Attributes:
        passed: rule -> how many elements it holds for.
        violated: "color-contrast at .facts: ...", one for each element.
        open: rules that a person must look at.
    """

    passed: Mapping[str, int]
    violated: tuple[str, ...]
    open: tuple[str, ...]


def walk(page: "Page") -> Walk:
    """Press the Tab key, wherever the focus is, until it has come round; raises Invalid when it does not."""
    controls = dict(page.evaluate(_CONTROLS))
    found: list[dict[str, Any]] = []
    left_page = 0
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        now = page.evaluate(_STOP, found[-1]["number"] if found else -1)
        inside_player = not left_page and bool(found) and now["number"] == found[-1]["number"]
        if found and not inside_player:
            found[-1]["marked"] = found[-1]["look"] != now["left"]
        if now["number"] < 0:
            left_page += 1
            if left_page == 2:
                break
        elif inside_player:
            continue
        elif found and now["number"] == found[0]["number"]:
            break
        else:
            found.append(now)
            left_page = 0
    else:
        raise Invalid(f"the focus does not come round in {MOST_STOPS} steps: {found[-1:]}")
    reached = {each["number"] for each in found}
    return Walk(
        tuple(Stop(each["name"], each["shown"], each["marked"]) for each in found),
        tuple(name for number, name in controls.items() if number not in reached),
    )


def audit(page: "Page", tags: Sequence[str]) -> Audit:
    """Let axe-core look at the page by the rules with these tags; raises Invalid without it."""
    if not AXE.is_file():
        raise Invalid(f"there is no axe-core at {AXE}: run `make setup`")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    said = page.evaluate(_AUDIT, tags)
    return Audit(said["passed"], tuple(map(one_line, said["violated"])), tuple(said["open"]))
