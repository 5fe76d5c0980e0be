from core.kernel.errors import Conflict, NotFound


class LabelNotFound(NotFound):
    code = "label.not_found"
    title = "There is no such label"


class LabelNameTaken(Conflict):
    code = "label.name_taken"
    title = "There is a label of that name, perhaps in another case"


class TooManyLabels(Conflict):
    code = "label.too_many"
    title = "A company has 1,000 labels at most"
