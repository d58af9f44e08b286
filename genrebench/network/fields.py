"""What the fields of networks take, each with what messages say of it."""

from typing import Annotated, Literal

from pydantic import Field

from genrebench.system.validation import from_list

# More values than any machine's memory holds; up to here, sizes are numbers that every library can count with.
MAX_VALUES = 2**40

Count = Annotated[int, Field(gt=0, le=2**31 - 1, description="a positive whole number")]
Pair = Annotated[tuple[Count, Count], from_list, Field(description="two positive whole numbers")]
Fraction = Annotated[float, Field(ge=0, lt=1, description="at least 0 and below 1")]
NonNegative = Annotated[float, Field(ge=0, description="at least 0")]
Word = Annotated[str, Field(pattern="^[^/]*$", description="a word without '/'")]
Padding = Annotated[Literal["valid", "same"], Field(description="valid or same")]
