"""Components that listen to another one, which makes the token vectors for them."""

from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.pipeline.tok2vec import Tok2VecListener
from thinc.api import Model


def follow_upstream(pipe: TrainablePipe, nlp: Language | None) -> None:
    """Tell a component's model what it listens to, if it wants to know.

    What a listener gets are arrays, which say nothing of the encoder that made them.
    """
    follow = pipe.model.attrs.get("follow")
    if follow is None or nlp is None:
        return
    for node in list(pipe.model.walk()):
        if isinstance(node, Tok2VecListener):
            upstream = find_upstream(nlp, pipe.name, node)
            if upstream is not None:
                follow(pipe.model, upstream)


def find_upstream(nlp: Language, name: str, listener: Tok2VecListener) -> Model | None:
    """Find the model that a component's listener gets its vectors from.

    It is that of the last component of the listener's choice in front of it; None if
    there is none. spaCy links them after they are initialized.
    """
    found = None
    for other, pipe in nlp.components:
        if other == name:
            break
        if listener.upstream_name in ("*", other) and hasattr(pipe, "find_listeners"):
            found = getattr(pipe, "model", None)
    return found
