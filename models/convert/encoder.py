"""What every format converter hands over, whatever it read."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Encoder:
    """Weights under Hugging Face names, and the contents of the four JSON files."""

    weights: dict[str, np.ndarray]
    config: dict
    tokenizer: dict
    special_tokens_map: dict
    tokenizer_config: dict
