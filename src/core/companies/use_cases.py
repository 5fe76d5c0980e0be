from uuid import UUID

from core.companies.errors import CompaniesClosed, CompanyNotFound
from core.companies.model import Company
from core.companies.ports import CompanyReader, ContactAddresses, OpenCompanyUnitOfWork
from core.companies.read_models import CompanyView
from core.kernel.actor import Actor, Role, reading
from core.kernel.errors import Invalid, answers
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer
from core.kernel.ports import Clock, Ids
from core.users.model import User


class CompanyUseCases:
    """Opening companies and listing one's own."""

    def __init__(
        self,
        *,
        unit_of_work: OpenCompanyUnitOfWork,
        reader: CompanyReader,
        clock: Clock,
        ids: Ids,
        addresses: ContactAddresses,
        registration: str,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._clock = clock
        self._ids = ids
        self._addresses = addresses
        self._registration = registration

    @answers(CompaniesClosed, Invalid, KeyReused, InFlight)
    async def open(
        self, actor: Actor, *, name: str, contact_email: str | None, once: Once | None = None
    ) -> Answer[CompanyView]:
        """Opens another company, of which the caller's account becomes the owner.

        Anybody who is signed in may, while the installation takes registrations. It starts empty; call
        `/auth/switch-company` to act in it.
        """
        if self._registration != "open":
            raise CompaniesClosed
        if contact_email is not None:
            contact_email = self._addresses.contact(contact_email)
        at = self._clock.now()
        async with self._unit_of_work(actor, once=once) as uow:
            caller = await uow.caller()
            owner_id = self._ids.new()
            company = Company.found(id=self._ids.new(), name=name, contact_email=contact_email, at=at)
            owner, user_created = User.join(
                id=owner_id,
                account_id=actor.account_id,
                name=caller.name,
                email=caller.email,
                username=caller.username,
                role=Role.OWNER,
                at=at,
            )
            await uow.open_company(company, owner, lambda: (company.founded(by=owner_id), user_created), at=at)
            seq = await uow.commit(made=Made(kind="company", id=company.id, version=company.version))
        view = CompanyView(
            id=company.id,
            name=company.name,
            code=company.code,
            contact_email=company.contact_email,
            is_active=company.is_active,
            settings=company.settings,
            role=Role.OWNER,
            version=company.version,
            created_at=company.created_at,
            updated_at=company.updated_at,
        )
        return Answer(view, seq)

    @reading
    @answers()
    async def list(self, actor: Actor) -> Answer[list[CompanyView]]:
        """All active companies of the caller's account, with the caller's role in each."""
        return await self._reader.companies(actor)

    @answers(CompanyNotFound)
    async def get(self, actor: Actor, company_id: UUID) -> Answer[CompanyView]:
        """One of the caller's companies."""
        companies, seq = await self.list(actor)
        for company in companies:
            if company.id == company_id:
                return Answer(company, seq)
        raise CompanyNotFound
