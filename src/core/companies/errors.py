from core.kernel.errors import Conflict, Fault, Forbidden, Invalid, NotFound


class CompaniesClosed(Forbidden):
    code = "company.creation_closed"
    title = "This installation does not open new companies"


class CompanyNotFound(NotFound):
    code = "company.not_found"
    title = "There is no such company, or you may not see it"


class CompanyCodeTaken(Conflict):
    code = "company.code_taken"
    title = "Another company has that code"


class DeletionUnconfirmed(Invalid):
    code = "company.deletion_unconfirmed"
    title = "To delete a company, confirm it by its code"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("must be the company's code", pointer="/confirm"),))
