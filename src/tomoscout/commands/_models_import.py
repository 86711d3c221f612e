"""``tomoscout models import``: a published checkpoint, as weights of our own."""

from __future__ import annotations

import os
from pathlib import Path

from tomoscout.commands._console import console
from tomoscout.core.errors import UserError


def import_weights(
    checkpoint: str | None,
    output: Path | None,
    *,
    trained_on: tuple[str, ...] | None,
    sha256: str | None,
) -> None:
    """Read a checkpoint, write weights, send a patch through them, and say what they are."""
    from tomoscout.inference.download import checksum, read_sha256
    from tomoscout.inference.published import read_published
    from tomoscout.inference.verify import verify
    from tomoscout.inference.weights import save_detector

    if checkpoint is None:
        raise UserError("models import: give the checkpoint: models import FILE")
    source = Path(checkpoint)
    output = output or Path(f"{source.stem}.safetensors")
    if output.suffix != ".safetensors":
        raise UserError(f"--output {output}: weights are a .safetensors file: give it that suffix")
    if os.path.lexists(output):
        raise UserError(f"{output}: exists: give another name with --output, or remove it")
    if sha256 is not None and source.is_file():
        wanted, found = read_sha256(sha256), checksum(source)
        if found != wanted:
            raise UserError(f"{source}: its sha256 is {found}, not {wanted} as asked: get it anew")
    detector = read_published(source, trained_on=trained_on)
    save_detector(detector, output)
    try:
        for check in verify(output):
            console.print(f"ok  {check.what}: {check.found}", highlight=False, markup=False)
    except BaseException:
        output.unlink(missing_ok=True)  # weights that do not work are no weights
        raise
    card = detector.card
    for line in (
        f"{card.notes}",
        f"network {card.model.options['encoder']}, logits at strides "
        f"{', '.join(map(str, card.model.options['levels']))}",
        f"written to {output}; thresholds for your data: tomoscout tune {output} PROJECT",
    ):
        console.print(line, highlight=False, markup=False)
