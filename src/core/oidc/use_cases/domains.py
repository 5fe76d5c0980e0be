from uuid import UUID

from core.companies.errors import CompanyNotFound
from core.kernel.actor import Actor, System, reading
from core.kernel.errors import Fault, Forbidden, Invalid, Stale, answers
from core.kernel.etags import ensure_current
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer
from core.kernel.ports import Clock, Ids
from core.kernel.step_up import StepUpRequired, ensure_stepped_up
from core.oidc import policy
from core.oidc.errors import DomainUnproved, EmailDomainNamed, EmailDomainNotFound, OwnersAlone, TooManyDomains
from core.oidc.model import MOST_DOMAINS, EmailDomain
from core.oidc.ports import (
    DomainRecords,
    LoginSecrets,
    OidcReader,
    OidcUnitOfWork,
    OpenLinkingUnitOfWork,
    OpenOidcUnitOfWork,
)
from core.oidc.read_models import EmailDomainView
from core.users.errors import EmailInvalid
from core.users.ports import EmailAddresses


def canonical_domain(addresses: EmailAddresses, given: str, *, pointer: str) -> str:
    """A domain as it stands in addresses: in lower case and IDNA form. Raises Invalid."""
    try:
        domain = addresses.canonical(f"postmaster@{given.strip().removesuffix('.')}").partition("@")[2]
    except EmailInvalid:
        domain = ""
    if "." not in domain:
        raise Invalid(faults=(Fault("must be a domain such as example.com", pointer=pointer),))
    return domain


class EmailDomainUseCases:
    """The domains whose addresses a company vouches for, once it has proved that they are its own."""

    def __init__(
        self,
        *,
        unit_of_work: OpenOidcUnitOfWork,
        linking: OpenLinkingUnitOfWork,
        reader: OidcReader,
        records: DomainRecords,
        secrets: LoginSecrets,
        addresses: EmailAddresses,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._linking = linking
        self._reader = reader
        self._records = records
        self._secrets = secrets
        self._addresses = addresses
        self._clock = clock
        self._ids = ids

    @reading
    @answers(CompanyNotFound, Forbidden)
    async def list(self, actor: Actor, company_id: UUID) -> Answer[list[EmailDomainView]]:
        """The domains that the company has named, and the TXT record that proves each. Owners and admins may."""
        policy.ensure_here(actor, company_id)
        answer = await self._reader.domains(actor)
        policy.authorise_administration(actor)
        return answer

    @answers(CompanyNotFound, Forbidden, EmailDomainNotFound)
    async def get(self, actor: Actor, company_id: UUID, domain_id: UUID) -> Answer[EmailDomainView]:
        """One of the company's domains, and the TXT record that proves it. Owners and admins may."""
        domains, seq = await self.list(actor, company_id)
        for domain in domains:
            if domain.id == domain_id:
                return Answer(domain, seq)
        raise EmailDomainNotFound

    @answers(CompanyNotFound, Forbidden, StepUpRequired, Invalid, EmailDomainNamed, TooManyDomains, KeyReused, InFlight)
    async def claim(
        self, actor: Actor, company_id: UUID, *, domain: str, once: Once | None = None
    ) -> Answer[EmailDomainView]:
        """Names a domain that the company says is its own. Owners and admins may, within ten minutes of proving who
        they are.

        Publish the TXT record that the answer names, then verify it. Nothing is believed of the domain before.
        """
        policy.ensure_here(actor, company_id)
        domain = canonical_domain(self._addresses, domain, pointer="/domain")
        at, token = self._clock.now(), self._secrets.new()
        async with self._unit_of_work(actor, once=once) as uow:
            self._authorise(uow)
            if await uow.domains.count() >= MOST_DOMAINS:
                raise TooManyDomains
            claimed, created = EmailDomain.claim(id=self._ids.new(), domain=domain, token=token, at=at)
            uow.domains.add(claimed)
            uow.record(created)
            seq = await uow.commit(made=Made(kind="email_domain", id=claimed.id, version=1))
        return Answer(EmailDomainView.of(claimed), seq)

    @answers(
        CompanyNotFound, Forbidden, StepUpRequired, EmailDomainNotFound, DomainUnproved, Stale, KeyReused, InFlight
    )
    async def verify(
        self,
        actor: Actor,
        company_id: UUID,
        domain_id: UUID,
        *,
        expected: int | None = None,
        once: Once | None = None,
    ) -> Answer[EmailDomainView]:
        """Looks for the domain's TXT record, and takes the domain for proved if it is there. Owners and admins may,
        within ten minutes of proving who they are.
        """
        policy.ensure_here(actor, company_id)
        async with self._unit_of_work(actor) as uow:
            self._authorise(uow)
            domain = await _load(uow, domain_id)
            ensure_current(expected, EmailDomainView.of(domain))
        # Between the transactions: the DNS may take its time.
        if domain.verified_at is None and domain.record_value not in await self._records.texts(domain.record_name):
            raise DomainUnproved
        async with self._unit_of_work(actor, once=once) as uow:
            self._authorise(uow)
            domain = await _load(uow, domain_id)
            ensure_current(expected, EmailDomainView.of(domain))
            verified = domain.verify(at=self._clock.now())
            if verified is not None:
                uow.domains.save(domain)
                uow.record(verified)
            seq = await uow.commit(made=Made(kind="email_domain", id=domain.id, version=domain.version))
        return Answer(EmailDomainView.of(domain), seq)

    @answers(CompanyNotFound, Forbidden, StepUpRequired, EmailDomainNotFound, OwnersAlone, Stale)
    async def release(self, actor: Actor, company_id: UUID, domain_id: UUID, *, expected: int | None = None) -> int:
        """Takes a domain back: nobody is linked or made by its addresses any more. Owners and admins may, within ten
        minutes of proving who they are; one that a connection names which enforces, owners alone. Whoever was linked
        before stays so.
        """
        policy.ensure_here(actor, company_id)
        async with self._unit_of_work(actor) as uow:
            self._authorise(uow)
            # Before the domain, with the company: nobody enforces a connection meanwhile.
            connections = await uow.connections.all()
            domain = await _load(uow, domain_id)
            if any(each.is_only_way_of(domain.domain) for each in connections):
                policy.authorise_entrance(uow.actor)
            ensure_current(expected, EmailDomainView.of(domain))
            uow.domains.remove(domain)
            uow.record(domain.delete())
            return await uow.commit()

    @answers(CompanyNotFound, Invalid)
    async def vouch(self, _: System, *, company_code: str, domain: str) -> EmailDomainView:
        """Takes a domain for a company's own on the operator's word, whatever the DNS says."""
        domain = canonical_domain(self._addresses, domain, pointer="/domain")
        at = self._clock.now()
        claimed, _created = EmailDomain.claim(id=self._ids.new(), domain=domain, token=self._secrets.new(), at=at)
        async with self._linking() as uow:
            company_id = await uow.company_of_code(company_code)
            if company_id is None:
                raise CompanyNotFound
            proved = await uow.prove_domain(company_id, claimed, at=at)
            await uow.commit()
        return EmailDomainView.of(proved)

    def _authorise(self, uow: OidcUnitOfWork) -> None:
        policy.authorise_administration(uow.actor)
        ensure_stepped_up(uow.actor, at=self._clock.now())


async def _load(uow: OidcUnitOfWork, domain_id: UUID) -> EmailDomain:
    domain = await uow.domains.load(domain_id)
    if domain is None:
        raise EmailDomainNotFound
    return domain
