from core.kernel.errors import NotFound


class NotificationNotFound(NotFound):
    code = "notification.not_found"
    title = "There is no such notification of yours"
