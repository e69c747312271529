import re
from pathlib import Path

from sync import schema
from sync.resources import RESOURCES
from sync.settings import Settings

PAGE = (Path(schema.__file__).parents[1] / "docs" / "sync.md").read_text(encoding="utf-8")


def test_every_setting_is_documented_with_its_default() -> None:
    """The table on the page is the settings of the program."""
    rows = dict(re.findall(r"^\| `TENOR_(\w+)` \| ([^|]+) \|", PAGE, re.MULTILINE))

    assert {name.lower() for name in rows} == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        documented = rows[name.upper()].strip("` ")
        if not documented.startswith(("none", "the scopes", "beside")):
            assert documented == str(field.default), name


def test_every_resource_is_documented_with_its_scope() -> None:
    """Whoever makes the OAuth client finds each address and scope."""
    for resource in RESOURCES:
        (row,) = [line for line in PAGE.splitlines() if f"`{resource.path}`" in line and line.startswith("|")]
        assert f"`{resource.scope}`" in row
