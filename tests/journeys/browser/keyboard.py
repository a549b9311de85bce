"""A person without a mouse: goes by Tab alone, and sees at every stop where they are."""

from __future__ import annotations

from playwright.sync_api import Frame, Page

# How the element with focus looks, itself, its label (radios and boxes are drawn by their labels) and all their
# pseudo-elements. Kept on the element, to be compared with how it looks once focus has gone.
_REMEMBER = """() => {
  const active = document.activeElement
  if (!active || active === document.body) { window.lastStop = null; return }
  const looks = () => [active, ...(active.labels ?? [])].flatMap((each) => [null, '::before', '::after'].map((part) => {
    const s = getComputedStyle(each, part)
    return [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.backgroundColor, s.borderColor,
      s.borderWidth, s.textDecorationLine].join(' ')
  })).join('|')
  window.lastStop = { active, looks, before: looks() }
}"""
_COMPARE = """() => {
  const last = window.lastStop
  if (!last || !last.active.isConnected || last.active === document.activeElement) return ''
  return last.before === last.looks() ? last.active.outerHTML.slice(0, 200) : ''
}"""
_STOP = """() => {
  const active = document.activeElement
  if (!active || active === document.body) return null
  const shown = [active, ...(active.labels ?? [])]
  const seen = shown.some((each) => {
    const box = each.getBoundingClientRect()
    const points = [[0.5, 0.5], [0.1, 0.5], [0.9, 0.5], [0.5, 0.15], [0.5, 0.85]]
    return points.some(([x, y]) => {
      const hit = document.elementFromPoint(box.left + box.width * x, box.top + box.height * y)
      return hit && shown.some((one) => one === hit || one.contains(hit))
    })
  })
  return { seen, what: active.outerHTML.slice(0, 200) }
}"""


class Keyboard:
    """Tab, arrows, Enter and Space in one frame of a page. Fails where focus is lost, unseen or out of sight."""

    def __init__(self, page: Page, frame: Frame) -> None:
        self.page = page
        self.frame = frame

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def is_at(self, selector: str) -> bool:
        return bool(self.frame.evaluate("(wanted) => document.activeElement.matches(wanted)", selector))

    def tab_to(self, selector: str, *, limit: int = 60, back: bool = False) -> None:
        """On to the next stop that matches."""
        for _ in range(limit):
            self.frame.evaluate(_REMEMBER)
            self.press("Shift+Tab" if back else "Tab")
            alike = self.frame.evaluate(_COMPARE)
            assert not alike, f"nothing shows that focus is here: {alike}"
            stop = self.frame.evaluate(_STOP)
            if stop is None:
                continue  # the EHR's own part of the window, on the way round
            assert stop["seen"], f"focus is where nobody sees it: {stop['what']}"
            if self.is_at(selector):
                return
        raise AssertionError(f"Tab does not come to {selector}")

    def act(self, selector: str, key: str = "Enter") -> None:
        """Goes there and presses."""
        self.tab_to(selector)
        self.press(key)

    def choose(self, name: str, moves: int) -> None:
        """A group of radio buttons: the first by Space, the next by arrows."""
        self.tab_to(f'input[name="{name}"], input[name^="{name}-"]')
        self.press("Space")
        for _ in range(moves):
            self.press("ArrowRight")
        self.stays(f"input[name^={name}]:checked")

    def stays(self, selector: str) -> None:
        """Focus is here, and nowhere else."""
        where = self.frame.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        assert self.is_at(selector), f"focus is not at {selector} but at {where}"
