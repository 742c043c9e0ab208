import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from adore.errors import ConfigError, MissingError
from adore.student.backbone import load_backbone, load_tokenizer
from adore.student.features import standardise
from adore.student.fields import query_text, title_text, typed_text
from adore.student.model import BiEncoder, CrossEncoder
from adore.student.onnx_models import OnnxCross, OnnxEncoder, batches, cross_columns, encode, pad, softmax
from adore.types import ATTRIBUTES

QUERY = "red running shoes for women"


@pytest.fixture(scope="module")
def pairs(catalogue):
    texts = [(query_text(QUERY), typed_text(i)) for i in catalogue]
    return [*texts, ("", ""), ("鞋 👟", "x"), ("a " * 400, "b " * 400)]


@torch.no_grad()
def test_the_exported_cross_encoder_gives_torchs_logits(student, pairs):
    model = CrossEncoder(load_backbone("tiny"))
    model.load_state_dict(load_file(student / "model.safetensors"))
    grades, states = OnnxCross(student, max_tokens=32).logits(pairs)
    batch = pad(encode(load_tokenizer(), pairs, 32))
    wanted = model.eval()(*map(torch.from_numpy, batch))
    np.testing.assert_allclose(grades, wanted[0].numpy(), atol=1e-4)
    np.testing.assert_allclose(states, wanted[1].numpy(), atol=1e-4)
    assert states.shape == (len(pairs), len(ATTRIBUTES), 3)


@torch.no_grad()
def test_the_exported_encoder_gives_torchs_unit_vectors(student, catalogue):
    texts = [title_text(i) for i in catalogue] + ["", QUERY]
    vectors = OnnxEncoder(student).vectors(texts)
    ids, mask, _ = map(torch.from_numpy, pad(encode(load_tokenizer(), texts, 64)))
    np.testing.assert_allclose(vectors, BiEncoder(load_backbone("tiny"))(ids, mask).numpy(), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_pair_alone_gets_the_logits_it_gets_in_a_padded_batch(student, pairs):
    cross = OnnxCross(student, max_tokens=32)
    together = cross.logits(pairs)[0]
    alone = np.vstack([cross.logits([one])[0] for one in pairs])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_no_pairs_and_no_texts_give_empty_arrays(student):
    grades, states = OnnxCross(student).logits([])
    assert (grades.shape, states.shape) == ((0, 4), (0, len(ATTRIBUTES), 3))
    encoder = OnnxEncoder(student)
    assert len(encoder.vectors([])) == 0
    assert encoder.cosines("x", []).shape == (0,)


def test_more_texts_than_a_batch_come_back_in_order(student):
    texts = [f"{'word ' * (n % 7)}{n}" for n in range(80)]
    encoder = OnnxEncoder(student)
    one_by_one = np.vstack([OnnxEncoder.vectors(encoder, [t]) for t in texts])
    encoder._cache.clear()
    np.testing.assert_allclose(encoder.vectors(texts), one_by_one, atol=1e-5)
    sizes = batches(encode(load_tokenizer(), texts, 64))
    assert sorted(i for rows in sizes for i in rows) == list(range(80))


def test_cross_columns_by_hand():
    grades = np.log(np.array([[0.1, 0.2, 0.3, 0.4]]))
    states = np.zeros((1, len(ATTRIBUTES), 3))
    asked = np.zeros((1, len(ATTRIBUTES)), dtype=bool)
    np.testing.assert_allclose(cross_columns(grades, states, asked), [[np.log(0.4 / 0.6), 2.0, 0.0]])
    asked[0, :3] = True
    np.testing.assert_allclose(cross_columns(grades, states, asked)[0, 2], 1 / 3)
    assert cross_columns(grades[:0], states[:0], asked[:0]).shape == (0, 3)
    np.testing.assert_allclose(softmax(np.array([1000.0, 1000.0])), 0.5)


def test_z_scores_are_relative_to_the_list_and_flat_columns_are_zero():
    z = standardise(np.array([[1.0, 5.0], [3.0, 5.0]]))
    np.testing.assert_allclose(z, [[-1, 0], [1, 0]])
    assert standardise(np.zeros((0, 2))).shape == (0, 2)


def test_a_missing_model_and_an_unknown_backbone_are_named(tmp_path):
    with pytest.raises(MissingError, match=r"encoder\.onnx"):
        OnnxEncoder(tmp_path)
    with pytest.raises(ConfigError, match="backbone == 'huge'"):
        load_backbone("huge")


def test_hashes_cover_every_file(student):
    hashes = json.loads((student / "hashes.json").read_text("utf-8"))
    wanted = {"cross.onnx", "encoder.onnx", "head.safetensors", "lexicon.json", "model.safetensors"}
    assert wanted | {"rulebook.yaml", "text_index.json", "tokenizer.json", "vectors.safetensors"} == set(hashes)


def test_the_catalogues_vectors_are_read_from_the_folder_and_are_those_that_were_saved(student, catalogue):
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
