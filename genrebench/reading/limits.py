"""How large, deep and numerous the parts of a stranger's file may be; real models stay far below all of these."""

MIB = 2**20
# Members of a .keras archive, and JSON: the configuration of EfficientNetB7 has half a MiB.
MAX_MEMBERS = 1000
MAX_TEXT_BYTES = 32 * MIB
# What a compressed member, or a dataset, may claim to be beside what is stored of it. Zeros shrink by a thousand.
MAX_RATIO = 1100
# All weights of one model: VGG16, the largest of the usual ones, has 528 MiB.
MAX_WEIGHT_BYTES = 4096 * MIB
MAX_PARAMETERS = 2**30
# Groups and datasets of one HDF5 file, the length of the names on the way to one, and how deep they lie.
MAX_OBJECTS = 100_000
MAX_PATH_LENGTH = 4096
MAX_GROUP_DEPTH = 40
# The graph: calls after nested models are unfolded, models within models, values in one tensor of one sample.
MAX_CALLS = 20_000
MAX_NESTING = 12
MAX_NAME_LENGTH = 500
MAX_TENSOR_SIZE = 2**31
# Of the process that opens the file: address space beyond the weights; seconds of the clock, and of the processor,
# beyond what reading them takes. Real files take a second or two; damage may send the HDF5 library round in circles.
WORKER_BYTES = 2048 * MIB
WORKER_SECONDS = 60.0
WORKER_PROCESSOR_SECONDS = 20.0
