from core.kernel.errors import Conflict, Fault, Invalid


class MappingInvalid(Invalid):
    code = "import.mapping_invalid"
    title = "The mapping says something of columns that cannot be"

    def __init__(self, detail: str) -> None:
        super().__init__(faults=(Fault(detail, parameter="mapping"),))


class FileEmpty(Invalid):
    code = "import.file_empty"
    title = "The file is empty"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("holds nothing", pointer=""),))


class FileMalformed(Invalid):
    """Ends a job, before anything was written; `detail` says in which row."""

    code = "import.file_malformed"
    title = "The file cannot be read"


class FileGone(Conflict):
    """Ends a job whose file is not there: it went with its project, which was deleted for good."""

    code = "import.file_gone"
    title = "The file is not kept any more; send it again"
