"""transformers' CLIPTokenizer, opened as diffusers opens it, from a table of merges alone."""

import json
import os
import tempfile
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_OFFLINE"] = "1"

from transformers import CLIPTokenizer  # noqa: E402

OFFICIAL_MERGES = 49152 - 256 - 2


def byte_symbols():
    """{byte: how it is written}, in the order of the first tokens."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + index) for index, byte in enumerate(hidden)}


def read_merges(path):
    lines = Path(path).read_text(encoding="utf-8").split("\n")
    return [tuple(line.split(" ")) for line in lines[1:] if line]


def reference(merges_path, pad):
    """The tokenizer with padding by the end of text (49407) or by "!" (0), with the settings of sdxl-turbo."""
    merges = read_merges(merges_path)
    tokens = list(byte_symbols().values())
    tokens += [token + "</w>" for token in tokens] + ["".join(merge) for merge in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    mark = {"lstrip": False, "rstrip": False, "single_word": False, "special": True}
    added = {len(tokens) - 2: {"content": tokens[-2], "normalized": True, **mark},
             len(tokens) - 1: {"content": tokens[-1], "normalized": True, **mark}}
    if pad == 0:
        added[0] = {"content": "!", "normalized": False, **mark}
    with tempfile.TemporaryDirectory() as folder:
        files = {
            "vocab.json": {token: index for index, token in enumerate(tokens)},
            "tokenizer_config.json": {
                "tokenizer_class": "CLIPTokenizer", "added_tokens_decoder": {str(k): v for k, v in added.items()},
                "bos_token": tokens[-2], "eos_token": tokens[-1], "unk_token": tokens[-1], "add_prefix_space": False,
                "pad_token": "!" if pad == 0 else tokens[-1], "model_max_length": 77, "do_lower_case": True}}
        for name, content in files.items():
            Path(folder, name).write_text(json.dumps(content), encoding="utf-8")
        Path(folder, "merges.txt").write_text(
            "#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in merges), encoding="utf-8")
        return CLIPTokenizer.from_pretrained(folder)
