"""The page in a real browser: three questions in one thread, the SQL opened, a reload, a follow-up, a phone, no network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.browser

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WAIT = 15_000


class Visit:
    """One person at the page: asks, waits, looks; notes every request that leaves the machine and every script error."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.outside: list[str] = []
        self.errors: list[str] = []
        page.on("request", self._note)
        page.on("pageerror", self._fail)

    def leave(self) -> None:
        """Stops taking notes."""
        self.page.remove_listener("request", self._note)
        self.page.remove_listener("pageerror", self._fail)

    def _fail(self, error: Any) -> None:
        self.errors.append(str(error))

    def _note(self, request: Any) -> None:
        if not request.url.startswith((self.url, self.url.replace("http", "ws"), "data:", "blob:")):
            self.outside.append(request.url)

    def open(self) -> Visit:
        """Goes to the start page, which signs in by itself; where it is open already, starts a new conversation."""
        if self.page.url.startswith(self.url):
            self.page.click("#new-chat-button")
            self.count("[data-step-type]", 0)
            self.page.wait_for_timeout(400)  # the socket of the new conversation connects
        else:
            self.page.goto(self.url)
        self.page.wait_for_selector("#chat-input", timeout=WAIT)
        self.page.wait_for_selector("#starters", timeout=WAIT)
        return self

    def ask(self, question: str) -> Visit:
        """Types a question and waits for the end of the answer."""
        self.send(question)
        return self.wait_for(question)

    def send(self, question: str) -> None:
        """Types a question and sends it once the page takes it."""
        self.page.click("#chat-input")
        self.page.keyboard.type(question)
        self.page.wait_for_selector("#chat-submit:not([disabled])", timeout=WAIT)
        self.page.keyboard.press("Enter")

    def wait_for(self, question: str) -> Visit:
        """Waits until that question stands there and nothing runs."""
        self.page.locator("[data-step-type=user_message]", has_text=question).last.wait_for(timeout=WAIT)
        self.page.locator("[data-step-type=assistant_message]").last.wait_for(timeout=WAIT)
        self.page.wait_for_selector("#stop-button", state="detached", timeout=WAIT)
        return self

    def figures(self) -> list[str]:
        """Headline numbers of the cards on the page, top to bottom."""
        self.page.locator(".tn-card").last.wait_for(state="attached", timeout=WAIT)
        return [text.strip() for text in self.page.locator(".tn-number").all_inner_texts()]

    def tab(self, name: str) -> str:
        """Opens a tab of the last card and returns what it shows."""
        self.page.locator(f'[role=tab]:text-is("{name}")').last.click()
        panel = self.page.locator("[role=tabpanel]:visible").last
        panel.wait_for(timeout=WAIT)
        return str(panel.inner_text())

    def count(self, selector: str, wanted: int) -> None:
        """Waits until that many elements are there."""
        self.page.wait_for_function(
            "([s, n]) => document.querySelectorAll(s).length === n", arg=[selector, wanted], timeout=WAIT
        )

    def overflow(self) -> int:
        """Pixels that the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.fixture(scope="module")
def tab(chromium: Any) -> Iterator[Any]:
    """One browser tab for the desktop tests; each test starts a new conversation in it."""
    context = chromium.new_context(viewport=DESKTOP)
    yield context.new_page()
    context.close()


@pytest.fixture
def visit(tab: Any, served: Any) -> Iterator[Visit]:
    """A person at a desktop."""
    person = Visit(tab, served.url)
    yield person
    person.leave()


@pytest.fixture
def newcomer(chromium: Any, served: Any) -> Iterator[Visit]:
    """A person at a desktop who was never here, with every other host unreachable."""
    context = chromium.new_context(viewport=DESKTOP)
    context.route(lambda url: not url.startswith(served.url), lambda route: route.abort())
    yield Visit(context.new_page(), served.url)
    context.close()


@pytest.fixture
def phone(chromium: Any, served: Any) -> Iterator[Visit]:
    """A fresh browser profile on a phone in dark mode."""
    context = chromium.new_context(viewport=PHONE, has_touch=True, is_mobile=True, color_scheme="dark")
    yield Visit(context.new_page(), served.url)
    context.close()


def test_three_questions_the_sql_a_reload_and_a_follow_up(visit: Visit) -> None:
    """A conversation: three answers, the SQL behind the last one, then all of it again after a reload, and it goes on."""
    visit.open()
    visit.ask("What's our DPO?").ask("DPO by region, last four quarters").ask("Projected DPO next quarter")
    assert visit.figures() == ["47.3", "47.3", "49.2"]
    visit.count(".js-plotly-plot", 3)
    assert "SELECT AVG(b.open_ap) * 90" in visit.tab("SQL")
    assert "Range (P10" in visit.page.locator(".tn-meta").last.inner_text()

    visit.page.wait_for_url(re.compile(r"/thread/[0-9a-f-]{36}$"), timeout=WAIT)
    visit.page.reload()
    visit.count(".tn-card", 3)
    visit.count(".js-plotly-plot .main-svg:first-child", 3)
    assert visit.figures() == ["47.3", "47.3", "49.2"]
    assert visit.page.locator("#thread-history, [data-sidebar]").first.is_visible()

    visit.ask("and by region?")
    visit.count(".tn-card", 4)
    assert visit.errors == []
    assert visit.outside == []


def test_starters_and_chips_ask_their_question(visit: Visit) -> None:
    """A starter on the empty page and a chip under an answer each send their question."""
    visit.open().page.locator("#starters button", has_text="What's our DPO?").click()
    visit.wait_for("What's our DPO?")
    assert visit.figures() == ["47.3"]
    visit.page.locator(".tn-chip", has_text="DPO by region").click()
    visit.wait_for("DPO by region")
    visit.count(".tn-card", 2)
    assert visit.page.locator("[data-step-type=user_message]").count() == 2


def test_how_it_was_computed_opens_step_by_step(visit: Visit) -> None:
    """The step "How I computed this" is closed for a leader and opens to reading, definition, SQL and checks."""
    visit.open().ask("What's our DPO?")
    whole = visit.page.locator('button[id="step-How I computed this"]')
    whole.wait_for(timeout=WAIT)
    assert whole.inner_text().strip() == "How I computed this"
    assert whole.get_attribute("aria-expanded") == "false"
    whole.click()
    for name in ("Reading of the question", "Metric definition", "SQL as it ran", "Checks"):
        visit.page.locator(f'button[id="step-{name}"]').wait_for(timeout=WAIT)
    visit.page.locator('button[id="step-SQL as it ran"]').click()
    visit.page.locator("[data-step-type=tool] pre code", has_text="open_ap").first.wait_for(timeout=WAIT)


def test_network_cut_and_analyst_sees_the_sql_at_once(newcomer: Visit) -> None:
    """With every other host unreachable the page starts, answers and draws; the analyst's profile has the SQL open."""
    newcomer.open()
    newcomer.page.click("#chat-profiles")
    newcomer.page.click('[data-test="select-item:Analyst"]')
    newcomer.page.wait_for_selector("#starters", timeout=WAIT)
    newcomer.page.wait_for_timeout(500)
    newcomer.ask("What's our DPO?")
    newcomer.count(".js-plotly-plot", 1)
    assert newcomer.outside == []
    assert "SELECT AVG" in newcomer.page.locator("[role=tabpanel]:visible").last.inner_text()
    newcomer.page.locator('button[id="step-Checks"][aria-expanded=true]').wait_for(timeout=WAIT)


def test_every_tab_shows_what_it_names(visit: Visit) -> None:
    """Why, Data, Assumptions and Lineage each open, and a second click closes."""
    visit.open().ask("Top 10 suppliers by missed discounts this year")
    assert "I read this as Missed discounts by supplier" in visit.tab("Why")
    data = visit.tab("Data")
    assert "10 of 214 rows" in data
    assert "Halden: Freight & Co" in data
    assert "184,220.15" in data
    assert "Reporting currency" in visit.tab("Assumptions")
    assert "invoices.payments.amount-paid" in visit.tab("Lineage")
    visit.page.locator('[role=tab]:text-is("Lineage")').click()
    assert visit.page.locator("[role=tabpanel]:visible").count() == 0


def test_amounts_line_up(visit: Visit) -> None:
    """Figures of one column end at the same pixel and use digits of one width."""
    visit.open().ask("Top 10 suppliers by missed discounts this year").tab("Data")
    cells = visit.page.locator(".tn-scroll td:nth-child(2)")
    assert cells.count() == 10
    style = cells.first.evaluate("e => [getComputedStyle(e).textAlign, getComputedStyle(e).fontVariantNumeric]")
    assert style == ["right", "tabular-nums"]


def test_hostile_names_are_shown_as_they_are(visit: Visit) -> None:
    """What follows a colon is not swallowed, stars and underscores stay, and no markup comes to life."""
    visit.open().ask("Top 10 suppliers by missed discounts this year")
    text = visit.page.locator("[data-step-type=assistant_message] [role=article]").last.inner_text()
    assert "“Halden: Freight & Co” with USD 151.0k." in text
    chart = visit.page.locator(".js-plotly-plot").last
    chart.locator("text=Kestrel_Steel*Works").first.wait_for(timeout=WAIT)


def test_clarification_and_refusal_offer_ways_on(visit: Visit) -> None:
    """A question back and a refusal show chips and no figure; a chip leads to an answer."""
    visit.open().ask("how late are we")
    assert visit.page.locator(".tn-number").count() == 0
    visit.page.locator(".tn-chip", has_text="Invoices paid late").wait_for(timeout=WAIT)
    visit.ask("what is the weather")
    assert visit.page.locator(".tn-number").count() == 0
    visit.page.locator(".tn-chip:text-is('DPO')").click()
    visit.wait_for("What's our DPO?")
    assert visit.figures() == ["47.3"]


def test_failure_is_a_sentence_and_the_page_goes_on(visit: Visit) -> None:
    """An unforeseen error is shown as a sentence with a reference; the next question works."""
    visit.open().ask("this is broken")
    text = visit.page.locator("[data-step-type=assistant_message]").last.inner_text()
    assert re.search(r"Something went wrong on our side.*reference [0-9a-f]{8}\.", text)
    assert "secret detail" not in visit.page.content()
    visit.ask("What's our DPO?")
    assert visit.figures() == ["47.3"]


def test_stop_ends_a_slow_question(visit: Visit) -> None:
    """While a question runs the page says so; Stop ends it and the next one is answered."""
    visit.open()
    visit.send("a slow one")
    visit.page.get_by_text("Reading the question and running the SQL").wait_for(timeout=6_000)
    visit.page.click("#stop-button")
    visit.page.wait_for_selector("#stop-button", state="detached", timeout=5_000)
    visit.ask("What's our DPO?")
    assert visit.figures() == ["47.3"]
    assert "went wrong" not in visit.page.content()


@pytest.mark.parametrize("question", ["Top 10 suppliers by missed discounts this year", "Projected DPO next quarter"])
def test_phone_shows_it_all_without_sideways_scrolling(phone: Visit, question: str) -> None:
    """At 390 pixels nothing sticks out, whatever tab is open, and a reload keeps the conversation."""
    phone.open().ask(question)
    phone.count(".js-plotly-plot", 1)
    for name in ("Why", "SQL", "Data", "Assumptions", "Lineage"):
        phone.tab(name)
        assert phone.overflow() <= 0, name
    chart = phone.page.locator(".js-plotly-plot .main-svg").first.bounding_box()
    assert chart["x"] >= 0
    assert chart["x"] + chart["width"] <= PHONE["width"]
    phone.page.wait_for_url(re.compile(r"/thread/"), timeout=WAIT)
    phone.page.reload()
    phone.count(".tn-card", 1)
    assert phone.outside == []


def test_markdown_image_in_an_answer_is_not_fetched(visit: Visit) -> None:
    """Text that looks like an image or a link stays text: no request leaves, nothing to click."""
    visit.open().ask("Projected ![x](https://evil.example/leak.png) [go](https://evil.example/)")
    visit.count(".tn-card", 1)
    assert visit.outside == []
    assert visit.page.locator("a[href*='evil']").count() == 0


def test_screen_reader_hears_the_answer_and_buttons_have_names(visit: Visit) -> None:
    """The finished answer is announced, and every button on the page has a name."""
    region = "document.querySelector('[role=status].tn-announcer')"
    visit.open().page.evaluate(f"{region}.textContent = ''")
    visit.ask("What's our DPO?")
    visit.page.wait_for_function(f"() => {region}.textContent.includes('47.3 days')", timeout=WAIT)
    visit.page.wait_for_function(
        "() => [...document.querySelectorAll('button')].every(b => b.textContent.trim() || b.ariaLabel || b.title)",
        timeout=WAIT,
    )


def test_tabs_work_from_the_keyboard(visit: Visit) -> None:
    """Arrow keys walk the tabs and open them."""
    visit.open().ask("What's our DPO?")
    visit.page.locator('[role=tab]:text-is("Why")').focus()
    visit.page.keyboard.press("ArrowRight")
    assert visit.page.evaluate("document.activeElement.textContent") == "SQL"
    assert "SELECT AVG" in visit.page.locator("[role=tabpanel]:visible").inner_text()


def test_download_link_gives_the_table(visit: Visit) -> None:
    """The CSV link of the Data tab downloads the rows."""
    visit.open().ask("Top 10 suppliers by missed discounts this year").tab("Data")
    with visit.page.expect_download(timeout=WAIT) as download:
        visit.page.locator(".tn-links a", has_text="CSV").last.click()
    text = download.value.path().read_text(encoding="utf-8")
    assert text.startswith("Supplier,")
    assert "184220.15" in text
    assert httpx.get(f"{visit.url}/healthz").status_code == 200


def test_a_tile_of_the_health_board_is_asked_on(phone: Visit) -> None:
    """From a link to the board, through its sign-in, into a conversation with that question sent and answered."""
    phone.page.goto(f"{phone.url}/health-board")
    phone.page.wait_for_selector("article", timeout=WAIT)
    phone.page.wait_for_load_state("networkidle")
    assert phone.overflow() <= 0
    phone.page.get_by_label("Ask on: DPO so far").click()
    phone.wait_for("DPO trend last 12 months")
    assert phone.figures() == ["47.3"]
    phone.page.wait_for_function("() => !document.querySelector('#chat-input').textContent.trim()", timeout=WAIT)
    assert phone.overflow() <= 0
    assert phone.outside == []
    assert phone.errors == []


def test_evidence_opens_beside_the_conversation(visit: Visit) -> None:
    """The link leads to the answer with everything behind it, chart and rows included."""
    visit.open().ask("Top 10 suppliers by missed discounts this year").tab("Lineage")
    with visit.page.expect_popup(timeout=WAIT) as opened:
        visit.page.locator(".tn-links a", has_text="Evidence").last.click()
    page = opened.value
    page.wait_for_load_state("networkidle")
    assert "Nordvik Logistics AS" in page.locator("table").inner_text()
    assert page.evaluate("document.querySelector('img').naturalWidth") > 500
    page.close()


def test_real_page_in_one_conversation(chromium: Any, real_page: Any, tmp_path: Path) -> None:
    """The page as a user starts it: three questions in one thread, the SQL opened, pictures kept, no outside request."""
    context = chromium.new_context(viewport=DESKTOP)
    person = Visit(context.new_page(), real_page.url)
    person.open()
    for i, question in enumerate(
        ("What's our DPO?", "DPO by region, last four quarters", "Projected DPO next quarter")
    ):
        person.ask(question)
        person.count(".tn-card.tn-answered", i + 1)
        person.page.screenshot(path=tmp_path / f"{i}.png")
    assert all(re.fullmatch(r"[0-9.,]+", number) for number in person.figures())
    assert "SELECT" in person.tab("SQL")
    person.page.screenshot(path=tmp_path / "sql.png")
    person.page.reload()
    person.count(".tn-card.tn-answered", 3)
    person.ask("What's our DPO?")
    person.count(".tn-card.tn-answered", 4)
    assert person.errors == []
    assert person.outside == []
    context.close()
