"""Reference data of the company: currencies, countries, buying entities, categories and payment terms.

Shares and levels are taken from the project's research on payables; the company itself is invented.
"""

from dataclasses import dataclass

GROUP = "Quellmark"
"""Name of the invented group."""


@dataclass(frozen=True)
class CurrencyFact:
    """A currency, its digits, and US dollars for one unit at the start of the history."""

    code: str
    name: str
    symbol: str
    decimals: int
    dollars: float


CURRENCIES = (
    CurrencyFact("USD", "US Dollar", "$", 2, 1.0),
    CurrencyFact("EUR", "Euro", "€", 2, 1.09),
    CurrencyFact("GBP", "Pound Sterling", "£", 2, 1.27),
    CurrencyFact("CAD", "Canadian Dollar", "CA$", 2, 0.73),
    CurrencyFact("INR", "Indian Rupee", "₹", 2, 0.0119),
    CurrencyFact("JPY", "Japanese Yen", "¥", 0, 0.0068),
    CurrencyFact("BRL", "Brazilian Real", "R$", 2, 0.182),
    CurrencyFact("CHF", "Swiss Franc", "CHF", 2, 1.15),
    CurrencyFact("SEK", "Swedish Krona", "kr", 2, 0.096),
)
CURRENCY_INDEX = {currency.code: row for row, currency in enumerate(CURRENCIES)}


@dataclass(frozen=True)
class CountryFact:
    """A country, the currency its suppliers invoice in, legal forms and a city for addresses."""

    code: str
    name: str
    currency: str
    forms: tuple[str, ...]
    city: str


COUNTRIES = (
    CountryFact("US", "United States", "USD", ("LLC", "Inc", "Corp"), "Columbus"),
    CountryFact("CA", "Canada", "CAD", ("Ltd", "Inc"), "Hamilton"),
    CountryFact("GB", "United Kingdom", "GBP", ("Ltd", "plc"), "Leeds"),
    CountryFact("DE", "Germany", "EUR", ("GmbH", "AG"), "Kassel"),
    CountryFact("FR", "France", "EUR", ("SAS", "SARL"), "Lyon"),
    CountryFact("IN", "India", "INR", ("Pvt Ltd", "Ltd"), "Pune"),
    CountryFact("JP", "Japan", "JPY", ("KK",), "Nagoya"),
    CountryFact("BR", "Brazil", "BRL", ("Ltda", "SA"), "Campinas"),
    CountryFact("NL", "Netherlands", "EUR", ("BV",), "Utrecht"),
    CountryFact("CH", "Switzerland", "CHF", ("AG",), "Winterthur"),
    CountryFact("SE", "Sweden", "SEK", ("AB",), "Malmö"),
    CountryFact("IE", "Ireland", "EUR", ("Ltd",), "Cork"),
    CountryFact("MX", "Mexico", "USD", ("SA de CV",), "Puebla"),
    CountryFact("CN", "China", "USD", ("Co Ltd",), "Ningbo"),
    CountryFact("SG", "Singapore", "USD", ("Pte Ltd",), "Singapore"),
)
COUNTRY_INDEX = {country.code: row for row, country in enumerate(COUNTRIES)}


@dataclass(frozen=True)
class EntityFact:
    """A buying entity (a chart of accounts).

    share: part of the group's invoices. tax: usual tax rate in percent on domestic invoices. touchless: part of
    invoices matched without a person. coupa_pay: whether its payments go out through Coupa Pay. neighbours: other
    countries its suppliers sit in.
    """

    name: str
    legal_name: str
    code: str
    country: str
    share: float
    tax: float
    touchless: float
    coupa_pay: bool
    neighbours: tuple[str, ...]


ENTITIES = (
    EntityFact(
        f"{GROUP} US Manufacturing",
        f"{GROUP} Manufacturing Inc",
        "US01",
        "US",
        share=0.25,
        tax=7.0,
        touchless=0.55,
        coupa_pay=True,
        neighbours=("CA", "MX", "CN", "DE"),
    ),
    EntityFact(
        f"{GROUP} US Services",
        f"{GROUP} Services LLC",
        "US02",
        "US",
        share=0.15,
        tax=7.0,
        touchless=0.6,
        coupa_pay=True,
        neighbours=("CA", "IE", "GB"),
    ),
    EntityFact(
        f"{GROUP} Canada",
        f"{GROUP} Canada Ltd",
        "CA01",
        "CA",
        share=0.09,
        tax=13.0,
        touchless=0.5,
        coupa_pay=True,
        neighbours=("US",),
    ),
    EntityFact(
        f"{GROUP} United Kingdom",
        f"{GROUP} UK Ltd",
        "GB01",
        "GB",
        share=0.13,
        tax=20.0,
        touchless=0.45,
        coupa_pay=True,
        neighbours=("IE", "DE", "US"),
    ),
    EntityFact(
        f"{GROUP} Germany",
        f"{GROUP} Deutschland GmbH",
        "DE01",
        "DE",
        share=0.15,
        tax=19.0,
        touchless=0.5,
        coupa_pay=True,
        neighbours=("CH", "NL", "SE", "FR"),
    ),
    EntityFact(
        f"{GROUP} France",
        f"{GROUP} France SAS",
        "FR01",
        "FR",
        share=0.08,
        tax=20.0,
        touchless=0.35,
        coupa_pay=False,
        neighbours=("DE", "NL"),
    ),
    EntityFact(
        f"{GROUP} India",
        f"{GROUP} India Pvt Ltd",
        "IN01",
        "IN",
        share=0.06,
        tax=18.0,
        touchless=0.25,
        coupa_pay=False,
        neighbours=("SG",),
    ),
    EntityFact(
        f"{GROUP} Japan",
        f"{GROUP} Japan KK",
        "JP01",
        "JP",
        share=0.05,
        tax=10.0,
        touchless=0.4,
        coupa_pay=False,
        neighbours=("SG", "CN"),
    ),
    EntityFact(
        f"{GROUP} Brazil",
        f"{GROUP} Brasil Ltda",
        "BR01",
        "BR",
        share=0.04,
        tax=17.0,
        touchless=0.3,
        coupa_pay=True,
        neighbours=("US",),
    ),
)
ENTITY_INDEX = {entity.code: row for row, entity in enumerate(ENTITIES)}

EARLY_ENTITY = "CA01"
"""Planted: pays well before the due date."""
DRESSING_ENTITY = "GB01"
"""Planted: thins the last runs of each quarter."""
MOVING_CURRENCY = "BRL"
"""Planted: its rate moves sharply, so spend in dollars grows while local spend does not."""


@dataclass(frozen=True)
class CategoryFact:
    """A commodity.

    share: part of suppliers. scale: shift of log invoice value. po: part of invoices backed by an order. monthly:
    whether its suppliers invoice on a fixed day of the month. goods: whether lines have quantities and receipts.
    nouns: words of supplier names. items: words of line descriptions.
    """

    name: str
    share: float
    scale: float
    po: float
    monthly: bool
    goods: bool
    nouns: tuple[str, ...]
    items: tuple[str, ...]


CATEGORIES = (
    CategoryFact(
        "Direct Materials",
        share=0.17,
        scale=0.7,
        po=0.92,
        monthly=False,
        goods=True,
        nouns=("Alloys", "Castings", "Polymers", "Components"),
        items=("Pump housing", "Steel bracket", "Seal kit", "Machined shaft"),
    ),
    CategoryFact(
        "Packaging",
        share=0.07,
        scale=0.2,
        po=0.88,
        monthly=False,
        goods=True,
        nouns=("Packaging", "Cartons"),
        items=("Corrugated box", "Pallet wrap", "Label roll"),
    ),
    CategoryFact(
        "Logistics",
        share=0.1,
        scale=0.1,
        po=0.45,
        monthly=False,
        goods=False,
        nouns=("Freight", "Logistics", "Haulage"),
        items=("Linehaul", "Customs handling", "Warehouse space"),
    ),
    CategoryFact(
        "IT and Software",
        share=0.1,
        scale=0.3,
        po=0.75,
        monthly=False,
        goods=False,
        nouns=("Systems", "Software", "Datacraft"),
        items=("Licence subscription", "Support hours", "Hosting"),
    ),
    CategoryFact(
        "Professional Services",
        share=0.12,
        scale=0.3,
        po=0.6,
        monthly=False,
        goods=False,
        nouns=("Advisory", "Partners", "Consulting"),
        items=("Advisory services", "Project milestone"),
    ),
    CategoryFact(
        "Marketing",
        share=0.08,
        scale=0.1,
        po=0.55,
        monthly=False,
        goods=False,
        nouns=("Media", "Studio", "Creative"),
        items=("Campaign", "Print run", "Media placement"),
    ),
    CategoryFact(
        "MRO",
        share=0.12,
        scale=-0.5,
        po=0.8,
        monthly=False,
        goods=True,
        nouns=("Tooling", "Industrial", "Fasteners"),
        items=("Bearing", "Cutting tool", "Filter cartridge", "Lubricant"),
    ),
    CategoryFact(
        "Utilities",
        share=0.04,
        scale=0.1,
        po=0.05,
        monthly=True,
        goods=False,
        nouns=("Energy", "Water", "Grid"),
        items=("Electricity", "Water and sewage", "Gas"),
    ),
    CategoryFact(
        "Facilities and Rent",
        share=0.06,
        scale=0.3,
        po=0.25,
        monthly=True,
        goods=False,
        nouns=("Estates", "Facilities", "Properties"),
        items=("Monthly rent", "Cleaning", "Security"),
    ),
    CategoryFact(
        "Contingent Labour",
        share=0.07,
        scale=0.2,
        po=0.65,
        monthly=False,
        goods=False,
        nouns=("Staffing", "Workforce"),
        items=("Temporary staff hours",),
    ),
    CategoryFact(
        "Travel and Events",
        share=0.04,
        scale=-0.6,
        po=0.2,
        monthly=False,
        goods=False,
        nouns=("Travel", "Events"),
        items=("Venue hire", "Travel booking"),
    ),
    CategoryFact(
        "Telecom",
        share=0.03,
        scale=-0.2,
        po=0.3,
        monthly=True,
        goods=False,
        nouns=("Telecom", "Networks"),
        items=("Mobile lines", "Leased line"),
    ),
)
CATEGORY_INDEX = {category.name: row for row, category in enumerate(CATEGORIES)}

DAYS_AFTER = "DaysAfterNetPaymentTerm"
SPECIFIC_DAY = "SpecificDayPaymentTerm"
EOM_THEN_DAYS = "BaseEomToDaysPaymentTerm"
DAYS_THEN_EOM = "DaysToBaseEomPaymentTerm"


@dataclass(frozen=True)
class TermFact:
    """A payment term; the discount rate is in percent, as Coupa holds it.

    Specific-day terms give a cutoff day, a month offset and a day, once for the net date and once for the discount.
    """

    code: str
    description: str
    net: int | None = None
    discount_days: int | None = None
    rate: float | None = None
    kind: str = DAYS_AFTER
    active: bool = True
    net_day: tuple[int, int, int] | None = None
    discount_day: tuple[int, int, int] | None = None


TERMS = (
    TermFact("Due on Receipt", "Payable on receipt", 0),
    TermFact("Net 10", "Net 10 days", 10),
    TermFact("Net 14", "Net 14 days", 14),
    TermFact("Net 30", "Net 30 days", 30),
    TermFact("Net 45", "Net 45 days", 45),
    TermFact("Net 60", "Net 60 days", 60),
    TermFact("Net 75", "Net 75 days", 75),
    TermFact("Net 90", "Net 90 days", 90),
    TermFact("Net 120", "Net 120 days", 120),
    TermFact("2/10 Net 30", "2% discount if paid in 10 days, net 30", 30, 10, 2.0),
    TermFact("1/10 Net 30", "1% discount if paid in 10 days, net 30", 30, 10, 1.0),
    TermFact("2/14 Net 30", "2% discount if paid in 14 days, net 30", 30, 14, 2.0),
    TermFact("3/14 Net 45", "3% discount if paid in 14 days, net 45", 45, 14, 3.0),
    TermFact("1/15 Net 45", "1% discount if paid in 15 days, net 45", 45, 15, 1.0),
    TermFact("2/15 Net 60", "2% discount if paid in 15 days, net 60", 60, 15, 2.0),
    TermFact("3/10 Net 60", "3% discount if paid in 10 days, net 60", 60, 10, 3.0),
    TermFact("0.5/10 Net 30", "0.5% discount if paid in 10 days, net 30", 30, 10, 0.5),
    TermFact("3/20 Net 90", "3% discount if paid in 20 days, net 90 (accelerated)", 90, 20, 3.0),
    TermFact("30 EOM", "30 days after the end of the invoice month", 30, kind=EOM_THEN_DAYS),
    TermFact("45 EOM", "45 days, then the end of that month", 45, kind=DAYS_THEN_EOM),
    TermFact(
        "25th Next Month",
        "25th of the next month, the month after when invoiced after the 20th",
        kind=SPECIFIC_DAY,
        net_day=(20, 1, 25),
    ),
    TermFact(
        "2% 10th Prox Net 25th",
        "2% by the 10th of the next month, net by the 25th",
        rate=2.0,
        kind=SPECIFIC_DAY,
        net_day=(25, 1, 25),
        discount_day=(25, 1, 10),
    ),
    TermFact("NET45-OLD", "Net 45 (retired code)", 45, active=False),
)
TERM_INDEX = {term.code: row for row, term in enumerate(TERMS)}
