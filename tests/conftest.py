"""What every test may count on: two threads, so that figures do not depend on the machine."""

from __future__ import annotations

import hypothesis
import torch

torch.set_num_threads(2)

# A busy machine is no reason to fail: speed is shown in benchmarks, never asserted in tests.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")
