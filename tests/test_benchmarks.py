"""The benchmarks read, hide, score and count as they say."""

import gzip
import importlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from spacy_rnn.layers.source_pieces import doc_pieces

FOLDER = Path(__file__).parent.parent / "benchmarks"
SCRIPTS = (
    "accuracy",
    "batching",
    "calibration",
    "crf_cost",
    "endless_series",
    "faithfulness",
    "gpu",
    "kernels",
    "long_documents",
    "make_vectors",
    "memory",
    "memory_task",
    "pairs",
    "pretraining",
    "rouge",
    "scale",
    "sentences",
    "seq2seq",
    "seq2seq_step",
    "speed",
    "summaries",
    "tagging_accuracy",
    "tagging_speed",
    "tokenizers",
    "training_speed",
)
CONLLU = """\
# newdoc id = a
# text = He can't.
1\tHe\the\tPRON\tPRP\t_\t2\tnsubj\t_\t_
2-3\tcan't\t_\t_\t_\t_\t_\t_\t_\t_
2\tca\tcan\tAUX\tMD\t_\t0\troot\t_\t_
3\tn't\tnot\tPART\tRB\t_\t2\tadvmod\t_\t_
3.1\tgo\tgo\tVERB\tVB\t_\t_\t_\t_\t_
4\t.\t.\tPUNCT\t.\t_\t2\tpunct\t_\t_

# newdoc id = b
1\tNo\tno\tINTJ\tUH\t_\t0\troot\t_\t_
"""


@pytest.fixture
def benchmark(monkeypatch):
    """Return a function that imports a file of the folder, which is no package."""
    pytest.importorskip("sklearn")
    pytest.importorskip("torchcrf")
    pytest.importorskip("sumy")
    pytest.importorskip("rouge_score")
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_benchmark_can_be_imported_and_says_how_to_run_it(benchmark, name):
    script = benchmark(name)
    assert f"python benchmarks/{name}.py" in script.__doc__
    assert callable(script.main)


def test_words_of_conllu_are_the_syntactic_ones(benchmark, tmp_path):
    data = benchmark("tagging_data")
    path = tmp_path / "xx-ud-train.conllu.gz"
    path.write_bytes(gzip.compress(CONLLU.encode()))
    assert data.read_part(tmp_path, "train", "upos") == [
        data.Sentence(["He", "ca", "n't", "."], ["PRON", "AUX", "PART", "PUNCT"], 0),
        data.Sentence(["No"], ["INTJ"], 1),
    ]
    assert data.read_part(tmp_path, "train", "xpos")[1].tags == ["UH"]


def test_developing_on_training_data_leaves_the_rest_alone(benchmark):
    read_split = benchmark("tagging_data").read_split
    train, dev, test = read_split(None, "bundled_entities")
    fewer, held_out, nothing = read_split(None, "bundled_entities", tune=True)
    assert fewer + held_out == train
    assert len(held_out) == len(train) // 10
    assert test == nothing == []
    assert held_out != dev


def test_half_of_the_annotation_is_hidden_and_chunks_in_whole(benchmark):
    data = benchmark("tagging_data")
    tags = ["O", "B-X", "I-X", "I-X", "B-Y", "O"] * 1000
    sentence = data.Sentence(["word"] * len(tags), tags)
    (hidden,) = data.hide_half([sentence], "-")
    assert len(tags) * 0.45 < hidden.tags.count("-") < len(tags) * 0.55
    for i, (tag, after) in enumerate(zip(tags, hidden.tags, strict=True)):
        assert after in (tag, "-")
        if tag.startswith("I-"):
            assert (after == "-") == (hidden.tags[i - 1] == "-")
    (outside,) = data.hide_half([sentence], "O")
    assert [tag if tag != "-" else "O" for tag in hidden.tags] == outside.tags


def test_spans_are_right_in_whole_and_with_their_labels(benchmark):
    span_f1 = benchmark("tagging_training").span_f1
    gold = [["B-X", "I-X", "O", "B-Y"], ["O"]]
    assert span_f1(gold, gold) == 1.0
    assert span_f1(gold, [["B-X", "I-X", "O", "B-X"], ["O"]]) == 0.5
    assert span_f1(gold, [["I-X", "I-X", "O", "O"], ["B-Y"]]) == 0.5
    assert span_f1(gold, [["B-X", "O", "O", "O"], ["O"]]) == 0.0
    assert span_f1([["O"]], [["O"]]) == 0.0


def test_batches_are_filled_up_to_a_number_of_words(benchmark):
    batches_by_words = benchmark("timing").batches_by_words
    assert batches_by_words([3, 3, 4, 11, 2, 9], 10) == [[0, 1, 2], [3], [4]]


def test_a_summary_is_as_long_as_its_reference(benchmark):
    rouge = benchmark("rouge")
    sentences = ["One.", "Two.", "Three.", "Four."]
    row = {"summary": "Two.Four.", "sent_labels": [0, 1, 0, 1]}
    assert rouge.make_pair(row, sentences) == ("One.\nTwo.", ["Two.\nFour."])
    row = {"summary": "Four.", "refs": ["4", "IV"], "sent_labels": [0, 0, 0, 1]}
    assert rouge.make_pair(row, sentences) == ("One.", ["4", "IV"])
    assert rouge.make_pair({"summary": "Four."}, sentences) == ("One.", ["Four."])


def test_rouge_and_its_reference_are_compared_on_bundled_texts(benchmark):
    rouge = benchmark("rouge")
    pairs, sentences = rouge.make_set(3)
    seconds, ours, largest = rouge.compare(pairs)
    assert seconds > ours > 0.0
    assert largest < 1e-6
    assert rouge.oracle_speed(sentences, n_articles=2) > 0.0


def test_plain_pytorch_learns(benchmark):
    plain, data = benchmark("plain_torch"), benchmark("tagging_data")
    words = ["ada", "left", "bern", "."] * 2
    tags = ["B-X", "O", "B-Y", "O"] * 2
    sentences = [data.Sentence(words[:n], tags[:n]) for n in (8, 5, 3)]
    for crf in (True, False):
        model, vocabulary = plain.train_plain(
            sentences, lambda *_: 0.0, crf=crf, seed=0, epochs=1
        )
        step = plain.make_step(model)
        batch = vocabulary.encode(sentences), vocabulary.encode_tags(sentences)
        for _ in range(60):
            step(*batch)
        found = plain.predict(model, vocabulary, sentences, 2)
        assert found == [sentence.tags for sentence in sentences]


ARTICLES = [
    {
        "sents": ["The cat saw the dog.", "It rained.", "The dog saw a cat."],
        "sent_labels": [1, 0, 1],
        "summary": "The cat saw the dog.The dog saw a cat.",
    },
    {"text": "One line\nAnother one. And more.", "summary": "Another one."},
    {"sents": ["It rained.", "Prices fell."], "summary": ["Rain.", "Prices fell."]},
    {"sents": ["It rained."], "summary": "Rain.", "refs": ["Rain.", "It rained."]},
]


def test_articles_are_read_with_their_sentences_and_labels(benchmark):
    data = benchmark("summaries_data")
    first, second, *_ = (data.to_article(row, None) for row in ARTICLES)
    assert first.labels == [1, 0, 1]
    assert first.references == ["The cat saw the dog. The dog saw a cat."]
    assert second.sentences == ["One line", "Another one.", "And more."]
    assert second.labels == [0, 1, 0]


def test_a_summary_in_sentences_is_one_reference(benchmark):
    data = benchmark("summaries_data")
    *_, listed, several = (data.to_article(row, None) for row in ARTICLES)
    assert listed.references == ["Rain.\nPrices fell."]
    assert listed.labels == [0, 1]
    assert several.references == ["Rain.", "It rained."]


def test_chosen_sentences_are_scored_as_many_as_are_right(benchmark):
    data, peers = benchmark("summaries_data"), benchmark("summaries_peers")
    article = data.to_article(ARTICLES[0], None)
    best = data.evaluate([article], peers.oracle([article]), None)
    assert set(best.values()) == {100.0}
    lead = data.evaluate([article], peers.lead([article]), None)
    assert lead["sentences"] == 50.0
    assert lead["rouge1"] < 100.0
    one = data.evaluate([article], peers.lead([article]), 1)
    assert one["sentences"] == pytest.approx(200 / 3)


def test_peers_score_every_sentence_of_any_article(benchmark):
    data, peers = benchmark("summaries_data"), benchmark("summaries_peers")
    articles = [data.to_article(row, None) for row in ARTICLES[:2]]
    articles += [data.Article([], [], [""]), data.Article(["One."], [1], ["One."])]
    scorers = [peers.lead, peers.oracle, peers.make_random(0)]
    scorers += [peers.make_graph(kind) for kind in peers.GRAPHS.values()]
    scorers.append(peers.make_logistic_regression(articles))
    for score in scorers:
        assert [len(scores) for scores in score(articles)] == [3, 3, 0, 1]


def test_textrank_prefers_sentences_that_have_words_in_common(benchmark):
    data, peers = benchmark("summaries_data"), benchmark("summaries_peers")
    article = data.to_article(ARTICLES[0], None)
    rate = peers.make_graph(peers.GRAPHS["TextRank"])
    assert rate([article])[0].argmin() == 1


def test_folds_share_out_the_bundled_articles(benchmark, monkeypatch):
    data = benchmark("summaries_data")
    rows = [{"sents": [str(i)], "sent_labels": [1], "summary": ""} for i in range(12)]
    parts = {"train": rows[:9], "dev": rows[9:]}
    monkeypatch.setattr(data, "read_rows", lambda folder, part: parts[part])
    splits = data.read_folds()
    tested = [article.sentences for split in splits for article in split.test]
    assert sorted(tested) == sorted([str(i)] for i in range(12))
    for split in splits:
        names = [article.sentences[0] for part in split for article in part]
        assert len(set(names)) == len(names) == 12


def test_only_the_first_word_tells_the_class(benchmark):
    task = benchmark("memory_task")
    nlp = task.make_nlp("gru", 0, 1.0)
    random = task.Random(0)
    for example in task.make_examples(nlp, random, [5, 0, 9] * 10):
        first, *others = (token.text for token in example.predicted)
        cats = example.reference.cats
        assert [name for name, value in cats.items() if value] == [first]
        assert set(others) <= set(task.FILLERS)
    assert len(example.predicted) == 10


def test_the_memory_task_is_learned_over_a_short_distance(benchmark):
    task = benchmark("memory_task")
    nlp = task.make_nlp("gru", 0, 1.0)
    optimizer = task.Adam(0.01, grad_clip=0.0)
    settings = {"shortest": 1, "start": 2, "end": 3, "seed": 0}
    steps = task.train(nlp, optimizer, **settings, max_steps=100)
    assert steps < 100
    assert task.accuracy(nlp, 3, -1) > 0.95
    assert len(task.gradients(nlp, 0)) == task.DISTANCES[-1] + 1


def test_words_with_the_same_neighbours_get_near_vectors(benchmark):
    make_vectors = benchmark("make_vectors").make_vectors
    texts = [
        f"the {animal} ate {food} at home today"
        for animal in ("cat", "dog")
        for food in ("fish", "meat")
    ]
    words, table = make_vectors(texts * 5, width=4)
    assert words[0] == "the"
    assert table.shape == (len(words), 4)
    unit = table / (table**2).sum(1, keepdims=True) ** 0.5
    near = dict(zip(words, unit @ unit[words.index("cat")], strict=True))
    assert near["dog"] > 0.99
    assert near["today"] < 0.9


def test_neighbours_do_not_reach_into_another_text(benchmark):
    vectors = benchmark("make_vectors")
    edge = [-1] * vectors.WINDOW
    found = vectors.ppmi(np.array([0, 1, *edge, 2, 1, *edge]), 3).toarray()
    assert found[0, 2] == found[2, 0] == 0.0
    assert found[0, 1] > 0.0
    assert found[2, 1] > 0.0


def test_the_parts_of_a_training_add_up_to_the_whole(benchmark, tmp_path):
    speed = benchmark("training_speed")
    rows = [{"text": f"Ada is {word}.", "label": word} for word in ("in", "out")] * 9
    n_words = speed.write_corpus({"train": rows, "dev": rows}, tmp_path)
    assert n_words == 18 * 4
    ours = ("rnn_textcat", speed.our_bilstm(8), "spacy-rnn.TextCorpus.v1")
    config = speed.make_config(*ours, tmp_path, epochs=2, steps=1)
    run = speed.run_training(config, blis=True)
    assert set(run.seconds) <= set(speed.PARTS)
    for part in ("reading", "features", "embed", "recurrence", "head", "backward"):
        assert run.seconds[part] > 0.0
    for part in ("optimizer", "evaluation", "saving", "the rest"):
        assert run.seconds[part] > 0.0
    assert 0.0 <= run.score <= 1.0


def test_the_parts_of_a_stopwatch_do_not_count_twice(benchmark, monkeypatch):
    stopwatch = benchmark("stopwatch")
    now = iter([0.0, 1.0, 3.0, 7.0])
    monkeypatch.setattr(stopwatch.time, "process_time", lambda: next(now))
    watch = stopwatch.Stopwatch()
    with watch.part("outer"), watch.part("evaluation"), watch.part("embed"):
        pass
    assert watch.seconds == {"outer": 1.0 + 4.0, "evaluation": 2.0}


def test_ours_and_plain_pytorch_are_compared_without_a_gpu(benchmark, capsys):
    gpu = benchmark("gpu")
    docs = gpu.make_docs("short", 300)
    speeds = gpu.measure(8, docs, 100, -1, 1)
    assert set(speeds) == {gpu.PYTORCH, gpu.SPACY, gpu.OURS}
    assert all(speed.words > 0 for both in speeds.values() for speed in both)
    gpu.print_rows("short", 8, speeds)
    assert capsys.readouterr().out.count("\n") == 3


def test_a_step_and_a_prediction_are_profiled(benchmark, capsys):
    gpu = benchmark("gpu")
    gpu.print_profiles(8, gpu.make_docs("short", 300), 100, -1, 20)
    _, train, pipe = capsys.readouterr().out.split(f"{gpu.OURS}, width 8, ")
    assert train.startswith("train")
    assert pipe.startswith("pipe")
    assert "run_backward" in train
    assert "run_backward" not in pipe
    assert "aten::" in train
    assert "aten::" in pipe


def test_batches_of_like_length_hold_every_document_once(benchmark):
    batcher = benchmark("batching").make_length_batcher(10)
    docs = ["x" * n for n in (3, 9, 4, 3, 12, 1, 4, 3)]
    batches = list(batcher(docs))
    assert sorted(doc for batch in batches for doc in batch) == sorted(docs)
    for batch in batches:
        assert sum(map(len, batch)) <= 10 or len(batch) == 1


def test_reviews_are_split_by_the_folds_of_their_authors(benchmark, monkeypatch):
    accuracy = benchmark("accuracy")
    parts = {"train": range(8), "dev": [8], "test": [9]}

    def read_rows(folder, part):
        assert folder == Path("classification") / "movie_reviews"
        return [{"text": str(i), "label": "pos", "fold": i} for i in parts[part]]

    monkeypatch.setattr(accuracy, "read_rows", read_rows)
    split = accuracy.read_split(Path(), accuracy.FOLDS, tune=False)
    assert [[row.text for row in part] for part in split] == [
        ["0", "1", "2", "3", "4", "5", "6"],
        ["7"],
        ["8", "9"],
    ]
    del parts["dev"], parts["test"]
    assert accuracy.read_split(Path(), accuracy.FOLDS, tune=True).test == split.dev


def test_who_is_slow_gets_fewer_batches_but_at_least_one(benchmark, monkeypatch):
    gpu, done = benchmark("gpu"), []

    def work(batches):
        done.append(len(batches))

    monkeypatch.setattr(gpu, "SECONDS", 1e9)
    speeds = gpu.compare({"quick": work}, [[0], [1, 2]], [3, 4, 5], 1, on_gpu=False)
    assert done == [1, 1, 2, 2]
    done.clear()
    monkeypatch.setattr(gpu, "SECONDS", 0.0)
    gpu.compare({"slow": work}, [[0], [1, 2]], [3, 4, 5], 1, on_gpu=False)
    assert done == [1, 1, 1, 1]
    assert speeds["quick"].words > 0


def test_without_learning_the_target_of_the_most_similar_source_is_taken(benchmark):
    baselines = benchmark("pairs")
    train = [
        baselines.Pair(
            "The dog sleeps.", ["Der Hund schläft.", "Es schläft der Hund."]
        ),
        baselines.Pair("The old dog barks.", ["Der alte Hund bellt."]),
        baselines.Pair("A dog barks.", ["Ein Hund bellt."]),
    ]
    predict = baselines.make_baselines(train)
    assert predict["the most similar"]("the DOG sleeps here") == "Der Hund schläft."
    assert predict["the most similar"]("") == "Der Hund schläft."
    assert predict["its first 3 words"]("One two three four.") == "One two three"
    scores = baselines.score("summary", ["Ein Hund"], [train[2]])
    assert scores["rouge1"] == pytest.approx(80)
    assert scores["exact_match"] == 0


@pytest.fixture
def translator(benchmark):
    """Return the benchmark of translation, with its pipeline and some pairs."""
    pytest.importorskip("sentencepiece")
    pytest.importorskip("sacrebleu")
    seq2seq = benchmark("seq2seq")
    config = seq2seq.read_config(None)
    for part in ("train", "dev"):
        config["corpora"][part]["limit"] = 40
    config["components"][seq2seq.PIPE]["model"]["subwords"]["size"] = 400
    nlp = seq2seq.init_nlp(config)
    return seq2seq, config, nlp, seq2seq.read_pairs(nlp, config, "train")


def test_the_translator_of_tutorials_is_the_same_network(translator):
    seq2seq, config, nlp, pairs = translator
    model = nlp.get_pipe(seq2seq.PIPE).model
    network = model.get_ref("network")
    noise = np.random.default_rng(0).normal(0.0, 0.05, network.get_param("W").shape)
    network.set_param("W", network.get_param("W") + noise.astype("f"))
    _, module = seq2seq.make_plain_step(nlp, config)
    module.eval()
    docs = [pair.example.reference for pair in pairs]
    targets = [doc._.translation for doc in docs]
    for pair, doc, target in list(zip(pairs, docs, targets, strict=True))[:5]:
        (loss,) = model.predict(([doc], [target]))
        source = doc_pieces(model.get_ref("subwords").predict, [doc], 0).pieces
        assert module.loss([source], [pair.target]).item() == pytest.approx(loss)
    batch = zip(*((pair.source, pair.target) for pair in pairs), strict=True)
    loss = model.predict((docs, targets)).sum()
    assert module.loss(*batch).item() == pytest.approx(loss, 1e-3)
    texts = [doc.text for doc in docs[:3]]
    alone = seq2seq.write_plain(module, seq2seq.pieces_of(nlp), texts, 1)
    assert seq2seq.write_plain(module, seq2seq.pieces_of(nlp), texts, 3) == alone


def test_translators_are_trained_for_the_same_time(translator, monkeypatch):
    seq2seq, config, nlp, pairs = translator
    done = {"quick": [], "slow": []}
    monkeypatch.setattr(seq2seq, "clock", lambda step, batch: partial(step, batch))

    def step(name, seconds, batch):
        done[name].append([pair.source for pair in batch])
        return seconds

    steps = {"quick": partial(step, "quick", 1.0), "slow": partial(step, "slow", 2.5)}
    learned = seq2seq.train_in_turns(steps, pairs * 30, config, 5.0)
    assert len(done["quick"]) == 5
    assert done["slow"] == done["quick"][:2]
    assert learned["quick"] > learned["slow"] > 0


def test_the_parts_of_a_step_of_the_translator_are_all_timed(benchmark, translator):
    parts = benchmark("seq2seq_step")
    _, config, nlp, pairs = translator
    step, _ = parts.make_our_step(nlp, config)
    seconds = parts.least_of_rounds(nlp, step, [pairs[:5], pairs[5:]], rounds=1)
    assert len(seconds) == 6
    assert min(seconds.values()) > 0.0
    counted = [parts.n_operations(config, part, 400) for part in (pairs, pairs * 3)]
    assert counted[1] == 3 * counted[0]
    assert parts.SAMPLE < parts.n_sampled(pairs) <= parts.SAMPLE + 400
