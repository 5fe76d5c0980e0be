from core.kernel.errors import Forbidden, NotFound


class CompaniesClosed(Forbidden):
    code = "company.creation_closed"
    title = "This installation does not open new companies"


class CompanyNotFound(NotFound):
    code = "company.not_found"
    title = "There is no such company, or you may not see it"
