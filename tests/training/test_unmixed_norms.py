"""Where patches are mixed, the norms in use are those of patches that are not."""

from __future__ import annotations
