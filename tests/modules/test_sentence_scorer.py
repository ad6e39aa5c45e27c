import pytest
import torch
from torch.autograd import gradcheck

from spacy_rnn.modules.sentence_scorer import PARTS, POSITIONS, Layout, SentenceScorer

NI = 4
DOCS = [[3, 1], [], [2], [1, 2, 4, 2]]  # tokens in the sentences of each document


def make_layout(docs, seed=0):
    lengths = torch.tensor([n for doc in docs for n in doc], dtype=torch.long)
    sizes = torch.tensor([len(doc) for doc in docs], dtype=torch.long)
    words, flags = [], []
    for number, doc in enumerate(docs):
        generator = torch.Generator().manual_seed(seed + sum(doc))
        for _ in range(sum(doc)):
            words.append(number * 5 + int(torch.randint(5, (), generator=generator)))
            flags.append(torch.rand(2, generator=generator).round().tolist())
    sentence_of = torch.repeat_interleave(lengths)
    words = torch.tensor(words, dtype=torch.long).unique(return_inverse=True)[1]
    pairs, pair_of = torch.unique(sentence_of * 100 + words, return_inverse=True)
    return Layout(
        lengths=lengths,
        sizes=sizes,
        pair_of=pair_of,
        pair_sentence=pairs // 100,
        pair_word=pairs % 100,
        flags=torch.tensor(flags).view(-1, 2),
    )


def make_scorer(cell="lstm"):
    scorer = SentenceScorer(
        NI, width=4, hidden_width=3, cell=cell, views=2, flag_weights=[-2.0, 1.0]
    )
    with torch.no_grad():
        for parameter in scorer.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return scorer


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_scores_do_not_depend_on_the_batch(cell):
    scorer = make_scorer(cell)
    assert [layer.cell for layer in scorer.encoder.layers] == [cell]
    X = torch.randn(sum(map(sum, DOCS)), NI)
    together = scorer(X, make_layout(DOCS))
    each = X.split([sum(doc) for doc in DOCS])
    alone = [scorer(x, make_layout([doc])) for x, doc in zip(each, DOCS, strict=True)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-6)


def score_slowly(scorer, X, layout, doc):
    """Score the sentences of one document one by one."""
    sentences = X.split(doc)
    statistics = scorer.measure(X, layout)
    vectors = []
    for words, measures in zip(sentences, statistics, strict=True):
        attention = scorer.pool.query(torch.tanh(scorer.pool.key(words))).softmax(0)
        pooled = [(attention * words).sum(0), words.max(0).values, measures]
        vectors.append(torch.cat(pooled))
    H = scorer.encoder(torch.stack(vectors), layout.sizes)
    mean = sum(H) / len(doc)
    salience = scorer.salience(torch.tanh(scorer.document(mean)))
    summary, scores = torch.zeros_like(H[0]), []
    for i, (h, measures) in enumerate(zip(H, statistics, strict=True)):
        hidden = torch.relu(scorer.hidden(torch.cat([h, measures])))
        score = scorer.content(torch.cat([hidden, measures]))[0]
        score = score + h @ salience - scorer.redundancy(h) @ torch.tanh(summary)
        score = score + scorer.position[min(i, POSITIONS)]
        score = score + scorer.part[int(PARTS * i / len(doc))]
        summary = summary + torch.sigmoid(score) * h
        scores.append(score)
    return torch.stack(scores)


def test_scores_are_those_of_a_loop_over_documents_and_sentences():
    docs = [[3, 1], [2], [1, 2, 4, 2, 5], [1, 2] * 30]
    scorer = make_scorer()
    X = torch.randn(sum(map(sum, docs)), NI)
    scores = scorer(X, make_layout(docs))
    slow = [
        score_slowly(scorer, own, make_layout([doc]), doc)
        for own, doc in zip(X.split([sum(doc) for doc in docs]), docs, strict=True)
    ]
    assert torch.allclose(scores, torch.cat(slow), atol=1e-5)


@pytest.mark.parametrize("docs", [[], [[]], [[1]], [[], [2], []]], ids=str)
def test_every_sentence_has_a_score(docs):
    X = torch.randn(sum(map(sum, docs)), NI)
    scores = make_scorer()(X, make_layout(docs))
    assert scores.shape == (sum(map(len, docs)),)
    assert torch.isfinite(scores).all()


def test_the_place_of_a_sentence_tells():
    scorer = make_scorer()
    X = torch.randn(2, NI).repeat(80, 1)
    layout = make_layout([[2] * 80])
    plain = scorer(X, layout)
    with torch.no_grad():
        scorer.position[1] += 1.0
        scorer.position[-1] += 2.0
        scorer.part[-1] += 4.0
    raised = scorer.place(layout.sizes, X) - (scorer.place(layout.sizes, X)[2])
    assert not torch.equal(scorer(X, layout), plain)
    assert raised[1] > raised[2] < raised[60] < raised[79]


def test_dropout_of_everything_leaves_what_is_measured_and_the_places():
    scorer, layout = make_scorer(), make_layout(DOCS)
    X = torch.randn(sum(map(sum, DOCS)), NI)
    inputs = []
    scorer.encoder.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    scores = scorer(X, layout, dropout=0.99999)
    assert not inputs[0].any()
    statistics = scorer.measure(X, layout)
    nothing = torch.zeros(len(statistics), scorer.hidden.out_features)
    expected = scorer.content(torch.cat([nothing, statistics], dim=1))[:, 0]
    assert torch.allclose(scores, expected + scorer.place(layout.sizes, X))


@pytest.mark.parametrize("cell", ["lstm", "rnn_tanh"])
def test_gradients_are_those_of_finite_differences(cell):
    scorer, layout = make_scorer(cell).double(), make_layout(DOCS)
    X = torch.randn(sum(map(sum, DOCS)), NI, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in scorer.named_parameters()]
    values = [value.detach().requires_grad_() for value in scorer.parameters()]

    def score(X, *values):
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(scorer, parameters, (X, layout))

    assert gradcheck(score, (X, *values), fast_mode=True)
