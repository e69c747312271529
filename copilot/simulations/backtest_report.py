"""The outcome of a back-test, to read: as JSON, as lines of text, as a page with plots; and as a calibration.

The headline figures are those of all cash over the next four weeks: WAPE and bias are shares of the cash that left,
pinball the mean loss over seven quantiles as a share of it, coverage the share of outcomes inside the band.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any

from copilot.forecasting.outflow_backtest import HORIZONS, OURS, OutflowBacktest
from copilot.forecasting.timing_backtest import TimingScore
from copilot.forecasting.trials import BANDS, MEDIAN, PARTS, Score, Trial
from copilot.simulations.calibration import UNCALIBRATED, BandStretch, Calibration, Coverage

SCHEMA = "tenor.backtest/1"
HEADLINE_WEEKS = 4
_SPANS = {1: "one week's", 2: "two weeks'", 4: "four weeks'", 8: "eight weeks'", 13: "thirteen weeks'"}
DEFINITION = (
    "All cash to suppliers over the four weeks after each origin, in the reporting currency; known then, compared with"
    " what left. WAPE and bias as shares of the cash that left; pinball over seven quantiles as a share of it; bands"
    " calibrated on earlier origins only."
)
TOO_SHORT = "Too little history for a back-test: an origin needs half a year behind it and 13 weeks ahead."
NO_PAYMENTS = (
    "Nothing was paid in the weeks after any of the origins, so there is nothing to score: are the payment dates there?"
)
WIDTH, HEIGHT = 820, 260


@dataclass(frozen=True)
class BacktestReport:
    """What was back-tested, on what, and how it did. `projected_dpo` are the scores of that forecast, if it was run."""

    source: str
    data_date: date
    outflow: OutflowBacktest
    pay_dates: tuple[TimingScore, ...] = ()
    projected_dpo: tuple[Mapping[str, Any], ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    """What was left out of the history, by reason, with its number."""

    @property
    def scored(self) -> bool:
        """Whether there was enough history for a score."""
        return self.outflow.score() is not None

    def content(self) -> dict[str, Any]:
        """The report as plain values: headline figures at the top, the same per baseline under `baselines`."""
        outflow = self.outflow
        return {
            "schema": SCHEMA,
            "source": self.source,
            "data_date": self.data_date.isoformat(),
            "left_out": dict(self.skipped),
            "definition": DEFINITION,
            **_headline(outflow.score(), len(outflow.origins)),
            "origin_dates": [day.isoformat() for day in outflow.origins],
            "baselines": {name: _headline(outflow.score(name), len(outflow.origins)) for name in outflow.methods},
            "stretches": stretch_of(outflow).content(),
            "scores": [_score_row(score) for score in outflow.scores],
            "pay_dates": [asdict(score) for score in self.pay_dates],
            "projected_dpo": list(self.projected_dpo),
        }

    def to_json(self) -> str:
        """The content as JSON."""
        return json.dumps(self.content(), indent=2, default=str)

    def lines(self) -> list[str]:
        """A table for the terminal."""
        if not self.scored:
            return [NO_PAYMENTS if self.outflow.trials else TOO_SHORT]
        first, last = self.outflow.origins[0], self.outflow.origins[-1]
        found = [
            f"{self.source}: {len(self.outflow.origins)} weekly origins, {first} to {last}; cash of weeks 1 to h",
            f"{'method':22}  {'h':>2}  {'WAPE':>6}  {'bias':>6}  {'MASE':>5}  {'pinball':>7}  coverage 50/80/95",
        ]
        found += [f"Left out: {reason}: {count:,}" for reason, count in self.skipped.items() if count]
        for score in self._shown():
            scaled = f"{score.mase:5.2f}" if score.mase is not None else "    -"
            cover = "/".join(f"{score.coverage[level]:.0%}" for level in BANDS)
            found.append(
                f"{_name(score):22}  {score.horizon:>2}  {score.wape:6.1%}  {score.bias:+6.1%}  {scaled}"
                f"  {score.pinball:7.3f}  {cover}"
            )
        found += _timing_lines(self.pay_dates)
        for row in self.projected_dpo:
            found.append(
                f"projected DPO, {row['horizon']} days: coverage {row['coverage']:.0%}, mean error"
                f" {row['mean_absolute_error']:.2f} days (naive {row['naive_error']:.2f})"
            )
        return found

    def _shown(self) -> list[Score]:
        """All cash at every horizon, then the parts of our own forecast of the headline horizon that hold any."""
        sums = [score for score in self.outflow.scores if score.span == "sum"]
        ours = [score for score in sums if (score.method, score.horizon) == (OURS, HEADLINE_WEEKS)]
        parts = sorted(
            (score for score in ours if score.part != "all" and score.width_80 > 0),
            key=lambda score: PARTS.index(score.part),
        )
        return [score for score in sums if score.part == "all"] + parts

    def page(self) -> str:
        """One HTML page without scripts or anything to load: scores, and plots drawn as SVG."""
        head = (
            "<!doctype html><html lang='en'><meta charset='utf-8'><title>Back-test of the forecasts</title><style>"
            "body{font:15px/1.5 system-ui,sans-serif;max-width:860px;margin:2em auto;padding:0 1em;color:#1f2933}"
            "table{border-collapse:collapse;width:100%}td,th{padding:.25em;text-align:right;border-bottom:1px solid"
            " #dde3ea}td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto}h2{margin-top:1.6em}"
            "</style><h1>Would the forecasts have been right?</h1>"
        )
        body = f"<p>{escape(self.source)}, data to {self.data_date.isoformat()}. {escape(DEFINITION)}</p>"
        if not self.scored:
            return f"{head}{body}<p>{escape(self.lines()[0])}</p></html>"
        trials = [t for t in self.outflow.trials if _is_headline(t) and t.method == OURS]
        parts = [
            head,
            body,
            "<h2>Four weeks ahead, origin by origin</h2>",
            "<p>Band: 10th to 90th percentile; line: forecast; dots: what left (red: outside the band).</p>",
            fan(trials),
            "<h2>Coverage by horizon</h2>",
            "<p>Share of outcomes inside the band; the dashed lines are what it should be.</p>",
            coverage_plot([s for s in self.outflow.scores if s.method == OURS and (s.part, s.span) == ("all", "sum")]),
            "<h2>Scores</h2>",
            _table(self.outflow.scores),
            "<pre>" + escape("\n".join(_timing_lines(self.pay_dates))) + "</pre>" if self.pay_dates else "",
            "</html>",
        ]
        return "".join(parts)


def stretch_of(outflow: OutflowBacktest) -> BandStretch:
    """The factors on the bands of a forecast made today, by span and horizon."""
    whole = {(span, weeks): round(value, 4) for (part, span, weeks), value in outflow.factors.items() if part == "all"}
    return BandStretch.of(whole)


SAVED = "backtest.json"
"""The name of a saved back-test."""


def backtest_file(mirror: Path) -> Path:
    """Where the back-test of a mirror is kept: beside it, be it a folder, a pointer in one, or one file."""
    folder = mirror.parent if mirror.is_dir() or mirror.suffix == ".duckdb" else mirror.parent.parent
    return folder / SAVED


def load_calibration(path: Path) -> Calibration:
    """The calibration that a saved back-test holds; UNCALIBRATED when there is none at `path` or it says too little."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return UNCALIBRATED
    if content.get("schema") != SCHEMA or content.get("coverage_80") is None:
        return UNCALIBRATED
    since = f"origins {content['origin_dates'][0]} to {content['origin_dates'][-1]}"
    factors = {
        (span, int(weeks)): float(factor)
        for span, by_weeks in content.get("stretches", {}).items()
        for weeks, factor in by_weeks.items()
    }
    headline = [{"horizon": HEADLINE_WEEKS, "coverage": {"80": content["coverage_80"]}, "trials": content["origins"],
                 "wape": content["wape_4w"], "bias": content["bias_4w"]}]  # fmt: skip
    rows = [
        row for row in content.get("scores", []) if (row["method"], row["part"], row["span"]) == (OURS, "all", "sum")
    ]
    measured = {int(row["horizon"]): _coverage(row, since) for row in rows or headline}
    return Calibration(BandStretch.of(factors), measured)


def _coverage(row: Mapping[str, Any], since: str) -> Coverage:
    """What the score of one horizon says, in a sentence."""
    covered, wape, bias = (Decimal(str(value)) for value in (row["coverage"]["80"], row["wape"], row["bias"]))
    weeks = int(row["horizon"])
    sentence = (
        f"Of {row['trials']} past forecasts of {_SPANS.get(weeks, f'{weeks} weeks of')} cash ({since}), {covered:.0%}"
        f" fell inside their 80 % band; mean error {wape:.1%}, bias {bias:+.1%}."
    )
    return Coverage(sentence, int(row["trials"]), weeks, covered, wape, bias)


def dpo_coverage(path: Path) -> str | None:
    """How often past projections of DPO were right, as a sentence; None when no saved back-test says so."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8")).get("projected_dpo") or []
    except (OSError, ValueError):
        return None
    parts = [f"{row['coverage']:.0%} at {row['horizon']} days" for row in rows]
    return f"of past projections inside their 80 % band: {', '.join(parts)}" if parts else None


def _name(score: Score) -> str:
    return score.method if score.part == "all" else f"  {score.method}: {score.part}"


def _is_headline(trial: Trial | Score) -> bool:
    return (trial.part, trial.span, trial.horizon) == ("all", "sum", HEADLINE_WEEKS)


def _headline(score: Score | None, origins: int) -> dict[str, Any]:
    if score is None:
        empty = dict.fromkeys(("wape_4w", "bias_4w", "mase_4w", "pinball", "coverage_50", "coverage_80", "coverage_95"))
        return {**empty, "origins": origins}
    return {
        "wape_4w": round(score.wape, 5),
        "bias_4w": round(score.bias, 5),
        "mase_4w": None if score.mase is None else round(score.mase, 4),
        "pinball": round(score.pinball, 6),
        **{f"coverage_{level}": round(score.coverage[level], 4) for level in BANDS},
        "origins": origins,
    }


def _score_row(score: Score) -> dict[str, Any]:
    row = asdict(score)
    row["coverage"] = {str(level): round(share, 4) for level, share in score.coverage.items()}
    return row


def _timing_lines(scores: Sequence[TimingScore]) -> list[str]:
    if not scores:
        return []
    count = scores[0].invoices
    found = [
        f"pay dates of {count:,} invoices, forecast on entry: days of error, bias, pinball; coverage 80; exact day"
    ]
    return found + [
        f"{s.method:22}  {s.mean_absolute_error:6.2f}  {s.bias:+6.2f}  {s.pinball:5.2f}  {s.coverage_80:4.0%}"
        f"  {s.exact:5.1%}"
        for s in scores
    ]


def _table(scores: Sequence[Score]) -> str:
    rows = "".join(
        f"<tr><td>{escape(s.method)}</td><td>{s.part}</td><td>{'1–' if s.span == 'sum' else ''}{s.horizon}</td>"
        f"<td>{s.wape:.1%}</td><td>{s.bias:+.1%}</td><td>{'' if s.mase is None else format(s.mase, '.2f')}</td>"
        f"<td>{s.pinball:.3f}</td><td>{'/'.join(f'{s.coverage[level]:.0%}' for level in BANDS)}</td></tr>"
        for s in scores
    )
    names = ("method", "part", "weeks", "WAPE", "bias", "MASE", "pinball", "coverage 50/80/95")
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in names)}</tr>{rows}</table>"


def fan(trials: Sequence[Trial]) -> str:
    """The 80 % band, the forecast and the outcome of each trial, as SVG."""
    low, high = BANDS[80]
    top = max(max(t.quantiles[high], t.actual) for t in trials) * 1.05 or 1.0
    step = (WIDTH - 80) / max(1, len(trials) - 1)

    def at(place: int, value: float) -> str:
        return f"{60 + place * step:.1f},{HEIGHT - 30 - max(0.0, value) / top * (HEIGHT - 50):.1f}"

    upper = [at(place, t.quantiles[high]) for place, t in enumerate(trials)]
    lower = [at(place, t.quantiles[low]) for place, t in enumerate(trials)]
    line = " ".join(at(place, t.quantiles[MEDIAN]) for place, t in enumerate(trials))
    dots = []
    for place, trial in enumerate(trials):
        x, y = at(place, trial.actual).split(",")
        inside = trial.quantiles[low] <= trial.actual <= trial.quantiles[high]
        tip = f"{trial.origin}: {trial.actual:,.0f} (forecast {trial.point:,.0f})"
        dots.append(
            f"<circle cx='{x}' cy='{y}' r='3.5' fill='{'#1f2933' if inside else '#c0392b'}'>"
            f"<title>{tip}</title></circle>"
        )
    ticks = "".join(
        f"<text x='55' y='{HEIGHT - 26 - share * (HEIGHT - 50):.0f}' text-anchor='end' font-size='11'>"
        f"{_short(top * share)}</text>"
        for share in (0.0, 0.5, 1.0)
    )
    ends = (
        f"<text x='60' y='{HEIGHT - 8}' font-size='11'>{trials[0].origin}</text>"
        f"<text x='{WIDTH - 20}' y='{HEIGHT - 8}' font-size='11' text-anchor='end'>{trials[-1].origin}</text>"
    )
    band = " ".join([*upper, *reversed(lower)])
    return (
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img'><polygon points='{band}' fill='#cfe0f5'/>"
        f"<polyline points='{line}' fill='none' stroke='#2f6fb3' stroke-width='2'/>{''.join(dots)}{ticks}{ends}</svg>"
    )


def _short(value: float) -> str:
    """An amount for an axis: 1.2m, 340k."""
    for size, unit in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.0f}"


def coverage_plot(scores: Sequence[Score]) -> str:
    """Measured coverage of the three bands at each horizon against what it should be, as SVG."""
    colours = {50: "#8fb7e3", 80: "#2f6fb3", 95: "#173f6b"}
    parts = []
    for level in BANDS:
        y = HEIGHT - 30 - level / 100 * (HEIGHT - 50)
        parts.append(
            f"<line x1='60' x2='{WIDTH - 20}' y1='{y:.1f}' y2='{y:.1f}' stroke='{colours[level]}'"
            f" stroke-dasharray='4'/>"
            f"<text x='55' y='{y + 4:.1f}' text-anchor='end' font-size='11'>{level} %</text>"
        )
    for score in scores:
        x = 60 + (HORIZONS.index(score.horizon) + 0.5) * (WIDTH - 80) / len(HORIZONS)
        for place, level in enumerate(BANDS):
            tall = score.coverage[level] * (HEIGHT - 50)
            parts.append(
                f"<rect x='{x - 42 + place * 28:.1f}' y='{HEIGHT - 30 - tall:.1f}' width='24' height='{tall:.1f}'"
                f" fill='{colours[level]}'><title>{level} %: {score.coverage[level]:.0%}</title></rect>"
            )
        parts.append(
            f"<text x='{x:.1f}' y='{HEIGHT - 10}' text-anchor='middle' font-size='11'>"
            f"{score.horizon} week{'' if score.horizon == 1 else 's'}</text>"
        )
    return f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img'>{''.join(parts)}</svg>"
