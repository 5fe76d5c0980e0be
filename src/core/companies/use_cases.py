from dataclasses import replace
from uuid import UUID

from core.companies import policy
from core.companies.errors import CompaniesClosed, CompanyCodeTaken, CompanyNotFound, DeletionUnconfirmed
from core.companies.model import Company, CompanyChanges
from core.companies.ports import CompanyReader, CompanyUnitOfWork, ContactAddresses, OpenCompanyUnitOfWork
from core.companies.read_models import CompanyView
from core.kernel.actor import Actor, Role, reading
from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, Stale, answers
from core.kernel.etags import ensure_current, ensure_unchanged
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock, Ids
from core.kernel.step_up import AccountProofRequired, StepUpRequired, ensure_general, ensure_stepped_up
from core.users.model import User


class CompanyUseCases:
    """Opening companies, listing one's own, changing and deleting the one that the caller acts in."""

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

    @answers(CompaniesClosed, AccountProofRequired, Invalid, KeyReused, InFlight)
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
            ensure_general(uow.actor)
            caller = await uow.caller()
            owner_id = self._ids.new()
            company = Company.found(id=self._ids.new(), name=name, contact_email=contact_email, at=at)
            owner, user_created = User.join(
                id=owner_id,
                account_id=actor.signed_in.account_id,
                name=caller.name,
                email=caller.email or "",
                username=caller.username,
                role=Role.OWNER,
                at=at,
            )
            await uow.open_company(company, owner, lambda: (company.founded(by=owner_id), user_created), at=at)
            seq = await uow.commit(made=Made(kind="company", id=company.id, version=company.version))
        return Answer(CompanyView.of(company, role=Role.OWNER), seq)

    @reading
    @answers(CursorInvalid)
    async def list(self, actor: Actor, *, sort: Sort, page: PageRequest) -> Answer[Page[CompanyView]]:
        """The active companies of the caller's account, with the caller's role in each."""
        return await self._reader.page(actor, sort=sort, page=page)

    @reading
    @answers(CompanyNotFound)
    async def get(self, actor: Actor, company_id: UUID) -> Answer[CompanyView]:
        """One of the caller's companies."""
        company, seq = await self._reader.one(actor, company_id)
        if company is None:
            raise CompanyNotFound
        return Answer(company, seq)

    @answers(CompanyNotFound, Forbidden, Stale, FieldReadOnly, Invalid, CompanyCodeTaken)
    async def change(
        self, actor: Actor, company_id: UUID, changes: CompanyChanges, *, expected: int | None = None
    ) -> Answer[CompanyView]:
        """Changes the company that the caller acts in. Owners and admins may."""
        if changes.contact_email is not None:
            changes = replace(changes, contact_email=self._addresses.contact(changes.contact_email))
        async with self._unit_of_work(actor) as uow:
            company = await self._load(uow, company_id)
            policy.authorise_change(uow.actor)
            present = CompanyView.of(company, role=uow.actor.role)
            ensure_current(expected, present)
            ensure_unchanged(changes.unchanged, present)
            updated = company.change(changes, at=self._clock.now())
            if updated is not None:
                uow.save(company)
                uow.record(updated)
            seq = await uow.commit()
        return Answer(CompanyView.of(company, role=uow.actor.role), seq)

    @answers(CompanyNotFound, Forbidden, StepUpRequired, DeletionUnconfirmed, Stale)
    async def delete(self, actor: Actor, company_id: UUID, *, confirmed: str, expected: int | None = None) -> int:
        """Deletes the company that the caller acts in, confirmed by its code. Only owners may, and only within ten
        minutes of proving who they are.

        Everybody's access ends at once; everything that the company has is erased after 30 days.
        """
        at = self._clock.now()
        async with self._unit_of_work(actor) as uow:
            company = await self._load(uow, company_id)
            policy.authorise_delete(uow.actor)
            ensure_stepped_up(uow.actor, at=at)
            ensure_current(expected, CompanyView.of(company, role=uow.actor.role))
            deleted = company.delete(confirmed=confirmed, at=at)
            uow.save(company)
            uow.record(deleted)
            return await uow.commit()

    async def _load(self, uow: CompanyUnitOfWork, company_id: UUID) -> Company:
        if company_id != uow.actor.company_id:
            raise CompanyNotFound
        company = await uow.load()
        if company is None:
            raise CompanyNotFound
        return company
