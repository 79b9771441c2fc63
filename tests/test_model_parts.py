"""The nouns of a statement's text are like those of `model`, and found there."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from pgmaskproxy import model, model_parts

NOUNS = [
    kind for _, kind in inspect.getmembers(model_parts, inspect.isclass) if kind.__module__ == model_parts.__name__
]


@pytest.mark.parametrize("kind", NOUNS, ids=lambda kind: str(kind.__name__))
def test_every_noun_is_one_of_the_models(kind: type) -> None:
    assert getattr(model, kind.__name__) is kind
    assert kind.__doc__
    if dataclasses.is_dataclass(kind):
        assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert hasattr(kind, "__slots__")
        assert not kind.__doc__.startswith(f"{kind.__name__}(")  # dataclass's own
