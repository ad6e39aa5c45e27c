"""Common knowledge of written English, for Punkt without a corpus to learn it from.

All words are in lower case, and abbreviations without their last period.
"""

_ABBREVIATIONS = """
adm amb asst atty capt cmdr col cpl dr drs fr gen gov hon insp lt maj messrs mlle mme mr
mrs ms mt pres prof profs pvt rep reps rev revd sen sens sgt st ste supt

b.a b.s b.sc d.d.s d.phil esq jr j.d ll.b m.a m.b.a m.d m.p m.s m.sc ph.d r.n sr

assn bros co corp dept est inc intl ltd mfg univ

d.c e.u l.a n.j n.y u.a.e u.k u.n u.s u.s.a u.s.s.r
ala ariz calif colo conn fla kan minn mont neb nev okla penn tenn wis wyo ave blvd ft

jan feb apr aug sept oct nov dec mon tue tues wed thu thur thurs fri
a.d a.m b.c b.c.e c.e p.m

al approx ca cf e.g etc ed eds et ibid i.e n.b op p.s viz vs
ch chs eq eqs fig figs pp sec secs vol vols
"""

# Words too, but before a number these are abbreviations.
_BEFORE_NUMBERS = "art jul jun mar no nos p par sat sun tel"

# A capitalized one of these after an abbreviation begins a sentence. None is a common
# surname or the name of a state.
_SENTENCE_STARTERS = """
about according after all also although among and another as at because before but by
despite during each even every few first for from had has have he her here his how
however if in instead it its just last many meanwhile most my nearly next nobody none
nor not now officials on once only other our over police she since some still such that
the their then there these they this those though through thus to under unless until we
were what when where whether which while why with without yet you your
"""

ABBREVIATIONS = frozenset(_ABBREVIATIONS.split())
BEFORE_NUMBERS = frozenset(_BEFORE_NUMBERS.split())
SENTENCE_STARTERS = frozenset(_SENTENCE_STARTERS.split())
