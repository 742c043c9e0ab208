import hashlib
import json
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import scipy.special
import torch
from safetensors.torch import load_file

from adore.attributes.lexicon import Lexicon
from adore.errors import ConfigError, MissingError, NotInstalledError
from adore.student import onnx_models
from adore.student.backbone import load_backbone, load_tokenizer
from adore.student.export import export_encoder, quantise_encoder
from adore.student.fields import title_text, typed_text
from adore.student.inputs import ItemReader, ListInputs
from adore.student.model import BiEncoder, StudentNet
from adore.student.onnx_models import (
    ENCODERS,
    OnnxEncoder,
    OnnxHeads,
    batches,
    encode,
    pad,
)
from adore.types import ATTRIBUTES

QUERY = "red running shoes for women"


@torch.no_grad()
@pytest.mark.parametrize("rows", [1, 7])
def test_the_exported_net_gives_torchs_logits(student, rows):
    weights = load_file(student / "model.safetensors")
    columns, meaning = len(weights["mean"]), weights["semantic_units.weight"].shape[1]
    net = StudentNet(columns, meaning).eval()
    net.load_state_dict(weights)
    random = torch.Generator().manual_seed(rows)
    shapes = {"features": columns, "semantic": meaning, "asked": len(ATTRIBUTES)}
    fed = {
        name: torch.randn(rows, width, generator=random) * 4
        for name, width in shapes.items()
    }
    fed["asked"] = (fed["asked"] > 0).float()
    session = onnxruntime.InferenceSession(student / "net.onnx")
    found = session.run(
        ["grades", "states"], {name: one.numpy() for name, one in fed.items()}
    )
    for one, wanted in zip(found, net(*fed.values()), strict=True):
        np.testing.assert_allclose(one, wanted.numpy(), atol=1e-4)


def test_the_heads_are_the_mean_of_net_and_forest(student, catalogue):
    one = ListInputs(student).compute(QUERY, catalogue)
    p, states = OnnxHeads(student).probabilities(
        one.matrix, one.semantic, one.states >= 0
    )
    fed = {
        "features": one.matrix,
        "semantic": one.semantic,
        "asked": (one.states >= 0).astype(np.float32),
    }
    grades = onnxruntime.InferenceSession(student / "net.onnx").run(["grades"], fed)[0]
    grown = onnxruntime.InferenceSession(student / "forest.onnx").run(
        None, {"features": one.matrix}
    )[0]
    np.testing.assert_allclose(
        p, (scipy.special.softmax(grades, axis=1) + grown) / 2, atol=1e-6
    )
    np.testing.assert_allclose((p.sum(1), states.sum(2).mean(1)), 1, atol=1e-5)
    assert states.shape == (len(catalogue), len(ATTRIBUTES), 3)


@torch.no_grad()
def test_the_exported_encoder_gives_torchs_unit_vectors(student, catalogue):
    texts = [title_text(i) for i in catalogue] + ["", QUERY]
    vectors = OnnxEncoder(student).vectors(texts)
    ids, mask = map(torch.from_numpy, pad(encode(load_tokenizer(), texts, 64)))
    np.testing.assert_allclose(
        vectors, BiEncoder(load_backbone("tiny"))(ids, mask).numpy(), atol=1e-4
    )
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_give_empty_arrays(student):
    encoder = OnnxEncoder(student)
    assert encoder.vectors([]).shape == (0, 32)
    assert encoder.cosines("x", []).shape == (0,)


def test_more_texts_than_a_batch_come_back_in_order(student, monkeypatch):
    texts = [f"{'word ' * (n % 7)}{n}" for n in range(80)]
    encoder = OnnxEncoder(student)
    one_by_one = np.vstack([OnnxEncoder.vectors(encoder, [t]) for t in texts])
    encoder._cache.clear()
    np.testing.assert_allclose(encoder.vectors(texts), one_by_one, atol=1e-5)
    monkeypatch.setattr(onnx_models, "_MAX_TOKENISED", 30)
    np.testing.assert_allclose(
        OnnxEncoder(student).vectors(texts), one_by_one, atol=1e-5
    )
    sizes = batches(encode(load_tokenizer(), texts, 64))
    assert sorted(i for rows in sizes for i in rows) == list(range(80))


def test_the_int8_encoder_is_a_quarter_as_big_and_means_the_same(
    catalogue, tmp_path, caplog
):
    export_encoder("minilm", tmp_path)
    quantise_encoder(tmp_path)
    assert "root" not in {record.name for record in caplog.records}
    texts = [kind(item) for item in catalogue for kind in (title_text, typed_text)] + [
        QUERY
    ]
    fp32, int8 = (
        OnnxEncoder(tmp_path, precision=p).vectors(texts) for p in ("fp32", "int8")
    )
    assert (fp32 * int8).sum(axis=1).min() > 0.98
    np.testing.assert_allclose(np.linalg.norm(int8, axis=1), 1, atol=1e-5)
    sizes = [(tmp_path / name).stat().st_size for name in ENCODERS.values()]
    assert sizes[1] < 0.26 * sizes[0]
    assert np.corrcoef(fp32[:-1] @ fp32[-1], int8[:-1] @ int8[-1])[0, 1] > 0.99


def test_a_missing_model_and_an_unknown_backbone_are_named(tmp_path):
    with pytest.raises(MissingError, match=r"encoder\.onnx"):
        OnnxEncoder(tmp_path)
    with pytest.raises(ConfigError, match="backbone == 'huge'"):
        load_backbone("huge")


def test_hashes_cover_every_file(student):
    hashes = json.loads((student / "hashes.json").read_text("utf-8"))
    own = {
        "net.onnx",
        "forest.onnx",
        "model.safetensors",
        "encoder.onnx",
        "encoder.int8.onnx",
        "tokenizer.json",
    }
    read = {
        "lexicon.json",
        "rulebook.yaml",
        "text_index.json",
        "vectors.safetensors",
        "scores.parquet",
    }
    read |= {"readings.json.gz", "items.jsonl.gz", "dataset.json"}
    assert own | read == set(hashes)
    assert all(
        hashlib.sha256((student / name).read_bytes()).hexdigest() == h
        for name, h in hashes.items()
    )


def test_the_catalogues_readings_are_read_from_the_folder_and_an_item_that_changed_is_read_anew(
    student, catalogue
):
    known, fresh = (
        ListInputs(student).reader,
        ItemReader(Lexicon.from_json((student / "lexicon.json").read_text("utf-8"))),
    )
    assert known.evidence(QUERY, catalogue) == fresh.evidence(QUERY, catalogue)
    turned = [
        replace(i, attributes=dict(reversed(i.attributes.items()))) for i in catalogue
    ]
    known._reader.read_item = None  # what is not saved would need it
    assert known.evidence(QUERY, turned) == fresh.evidence(QUERY, catalogue)
    with pytest.raises(TypeError):
        known.evidence(QUERY, [replace(catalogue[0], title="another title")])


def test_the_catalogues_vectors_are_read_from_the_folder_and_are_those_that_were_saved(
    student, catalogue
):
    encoder = OnnxEncoder(student)
    texts = [title_text(i) for i in catalogue]
    encoder.session = None  # a text that is not saved would need it
    saved = encoder.vectors(texts)
    assert saved.shape[0] == len(texts)
    fresh = OnnxEncoder(student)
    fresh._saved.clear()
    np.testing.assert_allclose(saved, fresh.vectors(texts), atol=1e-4)
    with pytest.raises(AttributeError):
        encoder.vectors(["a text that no item has"])


def test_any_encoder_in_a_folder_can_be_the_backbone(tmp_path):
    from transformers import DistilBertConfig, DistilBertModel

    source = tmp_path / "encoder"
    DistilBertModel(
        DistilBertConfig(vocab_size=30522, dim=16, n_layers=1, n_heads=2, hidden_dim=32)
    ).save_pretrained(source)
    load_tokenizer().save(str(source / "tokenizer.json"))
    (tmp_path / "out").mkdir()
    export_encoder(str(source), tmp_path / "out")
    assert OnnxEncoder(tmp_path / "out").vectors(["red mug", "mug"]).shape == (2, 16)
    with pytest.raises(NotInstalledError, match="backbone == "):
        load_backbone(str(tmp_path / "nowhere"))
