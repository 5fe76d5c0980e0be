from core.kernel.errors import Conflict, NotFound, Unauthenticated


class JobNotFound(NotFound):
    code = "job.not_found"
    title = "There is no such job, or you may not see it"


class JobFinished(Conflict):
    code = "job.finished"
    title = "The job is over, so there is nothing to cancel"


class TooManyJobs(Conflict):
    code = "job.too_many"
    title = "The company has as many unfinished jobs as it may; wait for one, or cancel it"


class AskerGone(Unauthenticated):
    """Ends a job, and is never answered to a request."""

    code = "job.asker_gone"
    title = "Whoever asked for this is no active user any more, or asked by an API token that works no more"
