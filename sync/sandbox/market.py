"""Market yields in the shapes of a treasury and a central bank, drawn from a seed: what the internet would answer.

Imitated are the US Treasury's daily par yield curve rates (CSV and the Atom feed) and the ECB data portal's yield
curves and €STR (csvdata and jsondata), under the same paths as the public hosts. A day's yields do not depend on how
far the history goes, so that a later day only adds rows.
"""

import csv
import datetime as dt
import io
import json
import re
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sync.sandbox.arrays import FloatArray

FIRST_DAY = dt.date(2024, 1, 1)
"""The first day that has yields."""
_PULL = 0.004
_DAILY = 0.045

TREASURY_TERMS = (
    ("1 Mo", "BC_1MONTH", 1 / 12),
    ("1.5 Month", "BC_1_5MONTH", 1 / 8),
    ("2 Mo", "BC_2MONTH", 2 / 12),
    ("3 Mo", "BC_3MONTH", 3 / 12),
    ("4 Mo", "BC_4MONTH", 4 / 12),
    ("6 Mo", "BC_6MONTH", 0.5),
    ("1 Yr", "BC_1YEAR", 1.0),
    ("2 Yr", "BC_2YEAR", 2.0),
    ("3 Yr", "BC_3YEAR", 3.0),
    ("5 Yr", "BC_5YEAR", 5.0),
    ("7 Yr", "BC_7YEAR", 7.0),
    ("10 Yr", "BC_10YEAR", 10.0),
    ("20 Yr", "BC_20YEAR", 20.0),
    ("30 Yr", "BC_30YEAR", 30.0),
)
_SIX_WEEKS_FROM = dt.date(2025, 2, 18)
"""The six-week bill has been part of the curve since then; before, its cell is empty."""
_ECB_TERMS = {"3M": 0.25, "6M": 0.5, "9M": 0.75, "1Y": 1.0, "2Y": 2.0, "3Y": 3.0, "5Y": 5.0, "10Y": 10.0, "30Y": 30.0}
_SPREADS = {"G_N_A": 0.0, "G_N_C": 0.32}
_YC_DIMENSIONS = (
    "FREQ",
    "REF_AREA",
    "CURRENCY",
    "PROVIDER_FM",
    "INSTRUMENT_FM",
    "PROVIDER_FM_ID",
    "DATA_TYPE_FM",
)
_EST_DIMENSIONS = ("FREQ", "BENCHMARK_ITEM", "DATA_TYPE_EST")
_ESTR = "B.EU000A2X2A25.WT"
Walk = tuple[list[dt.date], FloatArray, FloatArray]


def market_routes(seed: int, last_day: dt.date) -> list[Route]:
    """Routes under the paths of the public hosts; yields go up to `last_day`."""

    async def treasury_csv(request: Request) -> Response:
        year = request.path_params["year"]
        if request.query_params.get("type") != "daily_treasury_yield_curve":
            return PlainTextResponse("Not found", 404)
        return Response(treasury_table(seed, year, last_day), media_type="text/csv")

    async def treasury_xml(request: Request) -> Response:
        year = request.query_params.get("field_tdr_date_value", "")
        if request.query_params.get("data") != "daily_treasury_yield_curve" or not year.isdecimal():
            return PlainTextResponse("Not found", 404)
        return Response(treasury_feed(seed, int(year), last_day), media_type="application/xml")

    async def ecb(request: Request) -> Response:
        flow, key = request.path_params["flow"], request.path_params["key"]
        start = dt.date.fromisoformat(request.query_params.get("startPeriod", FIRST_DAY.isoformat()))
        series = _series(flow, key)
        if not series:
            return PlainTextResponse("No results found.", 404)
        if request.query_params.get("format") == "jsondata":
            return Response(ecb_message(seed, flow, series, start, last_day), media_type="application/json")
        return Response(ecb_table(seed, flow, series, start, last_day), media_type="text/csv")

    rates = "/resource-center/data-chart-center/interest-rates"
    return [
        Route(f"{rates}/daily-treasury-rates.csv/{{year:int}}/all", treasury_csv),
        Route(f"{rates}/pages/xml", treasury_xml),
        Route("/service/data/{flow}/{key}", ecb),
    ]


def treasury_table(seed: int, year: int, last_day: dt.date) -> str:
    """The Treasury's CSV of one year, the newest day first."""
    out = io.StringIO()
    out.write(",".join(["Date", *(f'"{heading}"' for heading, _, _ in TREASURY_TERMS)]) + "\n")
    for day, values in reversed(_treasury_days(seed, year, last_day)):
        out.write(",".join([f"{day:%m/%d/%Y}", *values]) + "\n")
    return out.getvalue()


def treasury_feed(seed: int, year: int, last_day: dt.date) -> str:
    """The Treasury's Atom feed of one year."""
    entries = []
    for number, (day, values) in enumerate(_treasury_days(seed, year, last_day), start=1):
        cells = "".join(
            f'<d:{name} m:type="Edm.Double">{value}</d:{name}>'
            if value
            else f'<d:{name} m:type="Edm.Double" m:null="true" />'
            for (_, name, _), value in zip(TREASURY_TERMS, values, strict=True)
        )
        entries.append(
            f'<entry><id>DailyTreasuryYieldCurveRateData({number})</id><content type="application/xml">'
            f'<m:properties><d:NEW_DATE m:type="Edm.DateTime">{day.isoformat()}T00:00:00</d:NEW_DATE>{cells}'
            "</m:properties></content></entry>\n"
        )
    return (
        '<?xml version="1.0" encoding="utf-8" standalone="yes" ?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom" '
        'xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" '
        'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">\n'
        '<title type="text">DailyTreasuryYieldCurveRateData</title>\n' + "".join(entries) + "</feed>\n"
    )


def ecb_table(seed: int, flow: str, series: Sequence[str], start: dt.date, last_day: dt.date) -> str:
    """The data portal's csvdata of some series."""
    dimensions = _YC_DIMENSIONS if flow == "YC" else _EST_DIMENSIONS
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["KEY", *dimensions, "TIME_PERIOD", "OBS_VALUE", "OBS_STATUS", "OBS_CONF", "TITLE", "UNIT"])
    for key in series:
        title = "Yield curve spot rate" if flow == "YC" else "Euro short-term rate"
        for day, value in _ecb_days(seed, flow, key, start, last_day):
            writer.writerow([f"{flow}.{key}", *key.split("."), day.isoformat(), value, "A", "F", title, "PC"])
    return out.getvalue()


def ecb_message(seed: int, flow: str, series: Sequence[str], start: dt.date, last_day: dt.date) -> str:
    """The data portal's jsondata (SDMX-JSON) of some series."""
    dimensions = _YC_DIMENSIONS if flow == "YC" else _EST_DIMENSIONS
    parts = [key.split(".") for key in series]
    values = [sorted({part[place] for part in parts}) for place in range(len(dimensions))]
    days = sorted({day for key in series for day, _ in _ecb_days(seed, flow, key, start, last_day)})
    data = {}
    for key, part in zip(series, parts, strict=True):
        position = ":".join(str(values[place].index(word)) for place, word in enumerate(part))
        found = dict(_ecb_days(seed, flow, key, start, last_day))
        data[position] = {"observations": {str(place): [float(found[day])] for place, day in enumerate(days)}}
    structure = {
        "series": [
            {"id": name, "values": [{"id": word} for word in words]}
            for name, words in zip(dimensions, values, strict=True)
        ],
        "observation": [{"id": "TIME_PERIOD", "values": [{"id": day.isoformat()} for day in days]}],
    }
    return json.dumps({"dataSets": [{"series": data}], "structure": {"dimensions": structure}})


def spot_series(terms: Iterable[str]) -> tuple[str, ...]:
    """Keys of the AAA curve's spot rates for terms such as 3M and 10Y."""
    return tuple(f"B.U2.EUR.4F.G_N_A.SV_C_YM.SR_{term}" for term in terms)


def overnight_series() -> tuple[str, ...]:
    """The key of the €STR."""
    return (_ESTR,)


def _series(flow: str, asked: str) -> tuple[str, ...]:
    """The keys that a query names; its last part may list several, joined by +."""
    if flow == "EST":
        return overnight_series() if asked == _ESTR else ()
    found = re.fullmatch(r"B\.U2\.EUR\.4F\.(G_N_[AC])\.SV_C_YM\.(.+)", asked)
    if flow != "YC" or found is None:
        return ()
    terms = [term.removeprefix("SR_") for term in re.split(r"[+ ]", found[2]) if term.startswith("SR_")]
    return tuple(f"B.U2.EUR.4F.{found[1]}.SV_C_YM.SR_{term}" for term in terms if term in _ECB_TERMS)


def _treasury_days(seed: int, year: int, last_day: dt.date) -> list[tuple[dt.date, list[str]]]:
    """Days of a year in order, each with its yields as text; an empty text where there is none."""
    days, level, slope = _walk(seed, "treasury", last_day, 4.2, -0.15)
    found = []
    for place, day in enumerate(days):
        if day.year == year:
            curve = [_yield_at(level[place], slope[place], years) for _, _, years in TREASURY_TERMS]
            texts = [f"{value:.2f}" for value in curve]
            if day < _SIX_WEEKS_FROM:
                texts[1] = ""
            found.append((day, texts))
    return found


def _ecb_days(seed: int, flow: str, key: str, start: dt.date, last_day: dt.date) -> list[tuple[dt.date, str]]:
    days, level, slope = _walk(seed, "ecb", last_day, 2.5, -0.35)
    if flow == "EST":
        return [
            (day, f"{_yield_at(level[place], slope[place], 1 / 365):.3f}")
            for place, day in enumerate(days)
            if day >= start
        ]
    parts = key.split(".")
    years = _ECB_TERMS[parts[6].removeprefix("SR_")]
    spread = _SPREADS[parts[4]]
    return [
        (day, f"{_yield_at(level[place], slope[place], years) + spread:.10f}")
        for place, day in enumerate(days)
        if day >= start
    ]


def _yield_at(level: float, slope: float, years: float) -> float:
    """Long rates near the level, short ones shifted by the slope."""
    return max(0.01, level + slope * float(np.exp(-years / 2.5)))


@lru_cache(maxsize=8)
def _walk(seed: int, name: str, last_day: dt.date, level: float, slope: float) -> Walk:
    """Weekdays from the first day on, with a level and a slope that wander back to where they began."""
    count = max(0, (last_day - FIRST_DAY).days + 1)
    every = [FIRST_DAY + dt.timedelta(days=number) for number in range(count)]
    days = [day for day in every if day.weekday() < 5]
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(name.encode())])))
    steps = random.normal(0.0, _DAILY, (len(days), 2))  # row by row: a later end does not move earlier draws
    paths = np.zeros((len(days), 2))
    for place in range(1, len(days)):
        paths[place] = paths[place - 1] * (1.0 - _PULL) + steps[place]
    return days, level + paths[:, 0], slope + 0.5 * paths[:, 1]
