from core.kernel.errors import Conflict, NotFound


class ProjectNotFound(NotFound):
    code = "project.not_found"
    title = "There is no such project, or you may not see it"


class ProjectArchived(Conflict):
    code = "project.archived"
    title = "The project is archived: it can be read, not changed"


class ProjectKeyTaken(Conflict):
    code = "project.key_taken"
    title = "The key belongs, or once belonged, to another project"
