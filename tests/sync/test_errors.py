import inspect
import re

from sync import errors


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    """Every class is drawn, under its own parent, and nothing else is."""
    drawn: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"( *)([*x+-]) (\w+Error)\b", line)
        if found:
            depth = "*x+-".index(found[2])
            path = [step for step in path if step[0] < depth]
            drawn[found[3]] = path[-1][1] if path else "Exception"
            path.append((depth, found[3]))

    actual = {
        name: value.__bases__[0].__name__
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }

    assert drawn == actual


def test_an_incomplete_sync_names_every_reason_and_what_is_kept() -> None:
    """One sentence per failed resource, then what happens next."""
    error = errors.IncompleteSyncError([errors.AccessDeniedError("A is closed."), errors.PageOrderError("B repeats.")])

    assert str(error).startswith("A is closed. B repeats. Nothing was published;")
