import datetime as dt
import json
from decimal import Decimal
from typing import Any

from sync.mirror import Mirror

TREASURY = 'Date,"1 Mo","1.5 Month","3 Mo","10 Yr"\n11/20/2026,4.01,4.05,3.98,4.20\n11/19/2026,4.02,,N/A,4.21\n'
ECB = """KEY,FREQ,REF_AREA,CURRENCY,PROVIDER_FM,INSTRUMENT_FM,PROVIDER_FM_ID,DATA_TYPE_FM,TIME_PERIOD,OBS_VALUE,OBS_STATUS
YC.B.U2.EUR.4F.G_N_A.SV_C_YM.SR_3M,B,U2,EUR,4F,G_N_A,SV_C_YM,SR_3M,2026-11-20,1.98765432109876,A
YC.B.U2.EUR.4F.G_N_A.SV_C_YM.SR_3M,B,U2,EUR,4F,G_N_A,SV_C_YM,SR_3M,2026-11-19,,M
YC.B.U2.EUR.4F.G_N_C.SV_C_YM.SR_1Y6M,B,U2,EUR,4F,G_N_C,SV_C_YM,SR_1Y6M,2026-11-20,-0.5,A
YC.B.U2.EUR.4F.G_N_A.SV_C_YM.IF_1Y,B,U2,EUR,4F,G_N_A,SV_C_YM,IF_1Y,2026-11-20,2.1,A
"""
XML = """<?xml version="1.0" encoding="utf-8" standalone="yes" ?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices"
 xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">
<title type="text">DailyTreasuryYieldCurveRateData</title>
<entry><content type="application/xml"><m:properties>
<d:NEW_DATE m:type="Edm.DateTime">2026-11-20T00:00:00</d:NEW_DATE>
<d:BC_1MONTH m:type="Edm.Double">4.01</d:BC_1MONTH>
<d:BC_1_5MONTH m:type="Edm.Double" m:null="true" />
<d:BC_30YEAR m:type="Edm.Double">4.70</d:BC_30YEAR>
<d:BC_30YEARDISPLAY m:type="Edm.Double">4.70</d:BC_30YEARDISPLAY>
</m:properties></content></entry></feed>
"""


def yields(mirror: Mirror) -> list[Any]:
    """Curve, tenor, day and yield, in order."""
    return mirror.query("SELECT curve, tenor, quote_date, yield_percent FROM feed_market_yields ORDER BY ALL")


def test_the_treasurys_csv(mirror: Mirror, loads: Any) -> None:
    """A row per day and term; empty and N/A cells are no quotes; American dates."""
    done = loads("market_yields", TREASURY)

    day, before = dt.date(2026, 11, 20), dt.date(2026, 11, 19)
    assert (done.format, done.faults) == ("treasury-csv", ())
    assert yields(mirror) == [
        ("US_TREASURY_PAR", "P10Y", before, Decimal("4.21")),
        ("US_TREASURY_PAR", "P10Y", day, Decimal("4.20")),
        ("US_TREASURY_PAR", "P1M", before, Decimal("4.02")),
        ("US_TREASURY_PAR", "P1M", day, Decimal("4.01")),
        ("US_TREASURY_PAR", "P3M", day, Decimal("3.98")),
        ("US_TREASURY_PAR", "P6W", day, Decimal("4.05")),
    ]
    assert mirror.query("SELECT DISTINCT currency, convention FROM feed_market_yields") == [("USD", "bond_equivalent")]


def test_the_treasurys_xml(mirror: Mirror, loads: Any) -> None:
    """The same from the Atom feed; nulls and the display copy are left out."""
    done = loads("market_yields", XML)

    assert (done.format, done.faults) == ("treasury-xml", ())
    assert [(tenor, value) for _, tenor, _, value in yields(mirror)] == [
        ("P1M", Decimal("4.01")),
        ("P30Y", Decimal("4.7")),
    ]


def test_the_central_banks_csv(mirror: Mirror, loads: Any) -> None:
    """Spot rates of both curves, to six decimals; a day without a quote is none; another series is set aside."""
    done = loads("market_yields", ECB)

    assert done.format == "ecb-csv"
    assert yields(mirror) == [
        ("ECB_AAA_SPOT", "P3M", dt.date(2026, 11, 20), Decimal("1.987654")),
        ("ECB_ALL_SPOT", "P1Y6M", dt.date(2026, 11, 20), Decimal("-0.5")),
    ]
    assert [(fault.line, fault.field) for fault in done.faults] == [(5, "KEY")]


def test_the_central_banks_json(mirror: Mirror, loads: Any) -> None:
    """SDMX-JSON: series and days by their places; numbers keep their digits."""
    message = {
        "dataSets": [{"series": {"0:0:0": {"observations": {"0": [1.93, 0], "1": [None]}}}}],
        "structure": {
            "dimensions": {
                "series": [
                    {"id": "FREQ", "values": [{"id": "B"}]},
                    {"id": "BENCHMARK_ITEM", "values": [{"id": "EU000A2X2A25"}]},
                    {"id": "DATA_TYPE_EST", "values": [{"id": "WT"}]},
                ],
                "observation": [{"id": "TIME_PERIOD", "values": [{"id": "2026-11-19"}, {"id": "2026-11-20"}]}],
            }
        },
    }

    done = loads("market_yields", json.dumps(message))

    assert (done.format, done.faults) == ("ecb-json", ())
    assert yields(mirror) == [("ECB_ESTR", "P1D", dt.date(2026, 11, 19), Decimal("1.93"))]


def test_json_of_another_kind_is_refused(loads: Any) -> None:
    """An error message in JSON is not a curve."""
    assert "not SDMX-JSON" in str(loads("market_yields", '{"error": "not found"}').problem)


def test_curves_of_ones_own(mirror: Mirror, loads: Any) -> None:
    """The feed's plain CSV takes any curve."""
    loads("market_yields", "curve,currency,quote_date,tenor,yield_percent\nSONIA,GBP,2026-11-20,P1D,3.97\n")

    assert mirror.query("SELECT tenor_days, convention FROM feed_market_yields") == [(1, "annual")]


RISK = [
    {"id": 22, "number-field-01": None, "number-field-02": "4.1235", "updated-at": "2026-11-01T09:00:00-05:00",
     "supplier": {"id": 1538, "name": "Brightwater Components LLC"}},
    {"id": 23, "number-field-01": 7, "number-field-02": "x", "updated-at": "2026-11-02T09:00:00-05:00",
     "supplier-id": 1540},
]  # fmt: skip


def test_coupas_risk_feed(mirror: Mirror, loads: Any) -> None:
    """Each number that is filled in is a score of its own, dated by the record's last change."""
    done = loads("supplier_risk", json.dumps(RISK))

    assert done.format == "coupa-risk-json"
    assert mirror.query(
        "SELECT supplier_id, source, measure, score_date, score FROM feed_supplier_risk ORDER BY ALL"
    ) == [
        (1538, "coupa_risk_aware_feed", "number_field_02", dt.date(2026, 11, 1), Decimal("4.1235")),
        (1540, "coupa_risk_aware_feed", "number_field_01", dt.date(2026, 11, 2), Decimal(7)),
    ]
    assert [fault.field for fault in done.faults] == ["score"]


def test_an_export_of_coupas_risk_feed(mirror: Mirror, loads: Any) -> None:
    """The same fields as columns."""
    done = loads(
        "supplier_risk", "supplier-id,updated-at,number-field-01,number-field-10\n1538,2026-11-01T00:00:00Z,,3\n"
    )

    assert (done.format, done.faults) == ("coupa-risk-csv", ())
    assert mirror.query("SELECT measure, score FROM feed_supplier_risk") == [("number_field_10", Decimal(3))]
