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


class ProjectNotDeleted(Conflict):
    code = "project.not_deleted"
    title = "The project is not deleted, so there is nothing to restore"


class MemberNotFound(NotFound):
    code = "project.member_not_found"
    title = "No such user belongs to the project"


class ColleagueNotFound(NotFound):
    code = "project.user_not_found"
    title = "There is no such user in the company"


class ColleagueInactive(Conflict):
    code = "project.user_inactive"
    title = "The user is deactivated: they cannot become a member"
