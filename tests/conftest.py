"""What every test may count on: two threads, so that figures do not depend on the machine."""

from __future__ import annotations

import torch

torch.set_num_threads(2)
