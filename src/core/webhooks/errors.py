from core.kernel.errors import Conflict, Fault, Invalid, NotFound

_LONGEST_HOST = 253


class WebhookNotFound(NotFound):
    code = "webhook.not_found"
    title = "There is no such webhook"


class DeliveryNotFound(NotFound):
    code = "webhook.delivery_not_found"
    title = "This webhook has no such delivery"


class TooManyWebhooks(Conflict):
    code = "webhook.too_many"
    title = "The company has as many webhooks as it may have"


class WebhookInactive(Conflict):
    code = "webhook.inactive"
    title = "The webhook is switched off; nothing is sent to it"


class SecretBeingReplaced(Conflict):
    code = "webhook.secret_being_replaced"
    title = "Messages are still signed with the secret that was replaced before"


class DeliveryUnderWay(Conflict):
    code = "webhook.delivery_under_way"
    title = "The delivery is still waiting to be sent, or being sent"


class UrlRefused(Invalid):
    code = "webhook.url_refused"
    title = "Webhooks are not sent to that address"

    def __init__(self, why: str, *, host: str = "") -> None:
        """`host` is for auditors: what follows it in an address may be a secret."""
        super().__init__(why, faults=(Fault(why, pointer="/url"),))
        self.host = host[:_LONGEST_HOST]
