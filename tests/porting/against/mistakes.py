"""All ports with mistakes."""

from tests.porting.against.other_mistakes import OTHERS
from tests.porting.against.recurrent_mistakes import RECURRENT
from tests.porting.against.window_mistakes import WINDOWS

MISTAKES = [*RECURRENT, *WINDOWS, *OTHERS]
