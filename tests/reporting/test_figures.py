import base64
import io
import re

import numpy as np
from PIL import Image

from tomoscout.reporting.figures import INK, hex_color, new_figure, to_data_uri, to_svg


def drawn(title="a < b & c"):
    figure, (axes,) = new_figure(3, 2)
    axes.plot([0, 1], [0, 1], color=INK, marker="o")
    axes.set_title(title, parse_math=False)
    return to_svg(figure, label='1 < 2 "quoted"')


def test_a_figure_in_a_page_fetches_nothing_and_is_labelled():
    svg = drawn()
    assert svg.startswith("<svg")
    assert svg.rstrip().endswith("</svg>")
    assert "http" not in svg
    assert "font-family" not in svg
    assert "<style" not in svg
    assert 'aria-label="1 &lt; 2 &quot;quoted&quot;"' in svg
    assert "a &lt; b &amp; c" in svg


def test_inks_follow_the_theme_of_the_page():
    svg = drawn()
    assert "var(--ink)" in svg
    assert "var(--rule)" in svg
    assert INK not in svg


def test_identifiers_that_are_left_are_used_and_hold_for_equal_content():
    svg = drawn()
    for name in re.findall(r'id="([^"]+)"', svg):
        assert f"#{name}" in svg
    assert svg == drawn()


def test_letters_that_the_measuring_font_lacks_raise_no_warning():
    assert "核糖体 $x" in drawn("核糖体 $x")


def test_a_grey_image_survives_in_its_address():
    image = np.add.outer(np.arange(0, 120, 2), np.arange(0, 120, 3)).astype(np.uint8)
    head, _, body = to_data_uri(image).partition(",")
    assert head.startswith("data:image/")
    back = np.asarray(Image.open(io.BytesIO(base64.b64decode(body))).convert("L"), float)
    assert back.shape == image.shape
    assert np.abs(back - image).mean() < 3


def test_colours_are_written_as_six_digits():
    assert hex_color((0, 114, 178)) == "#0072b2"
