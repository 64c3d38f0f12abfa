"""Training, export and judging of the models that Afterimage ships, and export of a user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .exporting.errors import ExportError

if TYPE_CHECKING:
    from .exporting.pack import export

__version__ = "0.1.0"
__all__ = ["ExportError", "export"]


def __getattr__(name: str) -> Any:
    """`export` when it is asked for: most of the package works without torch."""
    if name == "export":
        from .exporting.pack import export

        return export
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
