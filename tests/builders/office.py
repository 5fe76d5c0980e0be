"""A company at work, for use cases: people, projects, and the use cases over the in-memory adapters."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from core.activity.use_cases import ActivityUseCases
from core.auth.read_models import SignedIn
from core.auth.use_cases.accepting import Acceptance, AcceptanceUseCases
from core.auth.use_cases.codes import FactorCodes
from core.auth.use_cases.factors import FactorUseCases
from core.auth.use_cases.new_passwords import CheckedPasswords
from core.auth.use_cases.second_step import SecondStepUseCases
from core.auth.use_cases.sessions import SessionUseCases
from core.auth.use_cases.following import LetterLimits, Links
from core.auth.use_cases.guessing import Guessing
from core.auth.use_cases.recovering import RecoveryUseCases
from core.auth.use_cases.verifying import EmailUseCases
from core.auth.use_cases.signing_in import AuthUseCases, Registration
from core.auth.use_cases.unlocking import UnlockingUseCases
from core.comments.read_models import CommentView
from core.comments.use_cases import CommentUseCases
from core.companies.use_cases import CompanyUseCases
from core.cycles.read_models import CycleView
from core.cycles.use_cases import CycleUseCases, NewCycle
from core.imports.use_cases.asking import ImportUseCases
from core.imports.use_cases.reading import TaskImportWork
from core.jobs.model import JobKind
from core.jobs.use_cases.jobs import JobUseCases
from core.jobs.use_cases.running import JobRunUseCases
from core.kernel.actor import Actor, Role, System, Visitor
from core.mail.model import Message
from core.mail.use_cases import DigestUseCases, MailUseCases
from core.mail.wording import Wording
from core.labels.read_models import LabelView
from core.labels.use_cases import LabelUseCases
from core.notifications.use_cases.inbox import InboxUseCases
from core.notifications.use_cases.telling import TellingUseCases
from core.oidc.ports import InstanceProvider, ProviderClient
from core.oidc.use_cases.connections import OidcConnectionUseCases
from core.oidc.use_cases.domains import EmailDomainUseCases
from core.webhooks.use_cases.deliveries import DeliveryUseCases
from core.webhooks.use_cases.sending import Attempts, DispatchUseCases, WebhookQueueUseCases
from core.webhooks.use_cases.webhooks import WebhookUseCases
from core.oidc.use_cases.logins import OidcLoginUseCases
from core.operations.use_cases import OperatorUseCases, PurgeUseCases, TokenOperatorUseCases
from core.projects.read_models import ProjectView
from core.projects.use_cases.members import MemberUseCases
from core.projects.use_cases.projects import ProjectUseCases
from core.realtime.use_cases import EventUseCases
from core.reports.use_cases.counting import CountingUseCases
from core.reports.use_cases.reports import ReportUseCases
from core.search.use_cases import SearchUseCases
from core.tasks.listeners import leave_cycle, release_tasks
from core.tasks.fields import Status
from core.tasks.model import Task
from core.tasks.read_models import TaskView
from core.tasks.use_cases.boards import BoardUseCases
from core.tasks.use_cases.bulk import BulkUseCases
from core.tasks.use_cases.columns import ColumnUseCases
from core.tasks.use_cases.deleted_tasks import DeletedTaskUseCases
from core.tasks.changes import NewTask
from core.tasks.use_cases.exporting import ExportUseCases
from core.tasks.use_cases.tasks import TaskUseCases
from core.tokens.listeners import end_tokens
from core.tokens.model import USUAL, Scope
from core.tokens.read_models import NewApiTokenView
from core.tokens.use_cases.presenting import PresentedTokenUseCases
from core.tokens.use_cases.tokens import ApiTokenUseCases, NewApiToken
from core.users.use_cases.invitations import InvitationUseCases
from core.users.model import UserKind
from core.users.read_models import UserView
from core.users.use_cases.users import NewUser, UserUseCases
from core.watching.use_cases import WatchUseCases
from entrypoints.tracing import NoTracing
from tests.fakes.addresses import PlainEmailAddresses
from tests.fakes.api_tokens import NumberedApiTokenTexts
from tests.fakes.attempts import CountedAttempts, ReadableDeviceTokens
from tests.fakes.codes import CountedRecoveryCodes, PredictableTimeCodes, RememberedTickets
from tests.fakes.oidc import CountedLoginSecrets, KnownDomainRecords, PlainSealing, ScriptedProviders
from tests.fakes.operations import InMemoryOperatorUnitOfWork, InMemoryRemains
from tests.fakes.jobs import RememberedWakes
from tests.fakes.webhooks import CountedWebhookSecrets, RememberedDeliveries, RememberedSending
from tests.fakes.mail import Mailbox
from tests.fakes.passwords import CheapPasswords
from tests.fakes.reports import WordyCharts
from tests.fakes.tables import CompanyTables, StoredColumn, StoredEvent
from tests.fakes.tokens import (
    CountedInvitationTokens,
    ReadableLinkTokens,
    ReadableRefreshTokens,
    RememberedAccessTokens,
)
from tests.fakes.world import World

PASSWORD = "a long enough secret"
PAGE = "https://app.example.com/"
EVERYONES = InstanceProvider(
    id=UUID(int=1),
    name="Everyone's",
    client=ProviderClient(issuer="https://everyone.example", client_id="flowtrack", client_secret=None),
)


class Office:
    """Olga owns the company, Adam is an admin, Mia and Max are members of the project WEB, Nora of none."""

    olga: Actor
    adam: Actor
    mia: Actor
    max: Actor
    nora: Actor
    web: ProjectView

    def __init__(self, *, registration: str = "open") -> None:
        self.world = World()
        self.clock = self.world.clock
        self.passwords = CheapPasswords()
        both: dict[str, Any] = {"clock": self.clock, "ids": self.world.ids}
        self.tasks = TaskUseCases(unit_of_work=self.world.task_unit_of_work, reader=self.world.task_reader, **both)
        self.bulk = BulkUseCases(unit_of_work=self.world.batch_unit_of_work, reader=self.world.task_reader, **both)
        self.exports = ExportUseCases(unit_of_work=self.world.task_unit_of_work, reader=self.world.task_reader)
        self.deleted_tasks = DeletedTaskUseCases(
            unit_of_work=self.world.task_unit_of_work, reader=self.world.task_reader, clock=self.clock
        )
        self.board_columns = ColumnUseCases(
            unit_of_work=self.world.task_unit_of_work, reader=self.world.column_reader, **both
        )
        self.boards = BoardUseCases(reader=self.world.task_reader)
        self.labels = LabelUseCases(unit_of_work=self.world.label_unit_of_work, reader=self.world.label_reader, **both)
        self.comments = CommentUseCases(
            unit_of_work=self.world.comment_unit_of_work, reader=self.world.comment_reader, **both
        )
        self.watching = WatchUseCases(unit_of_work=self.world.watcher_unit_of_work)
        self.activity = ActivityUseCases(reader=self.world.activity_reader)
        self._webhooks(both)
        self.jobs = JobUseCases(
            unit_of_work=self.world.job_unit_of_work, reader=self.world.job_reader, clock=self.clock
        )
        self.wakes = RememberedWakes()
        self.imports = ImportUseCases(unit_of_work=self.world.import_unit_of_work, queue=self.wakes, **both)
        self.job_runs = JobRunUseCases(
            runs=self.world.job_runs,
            queue=self.wakes,
            work={JobKind.TASK_IMPORT: TaskImportWork(unit_of_work=self.world.import_unit_of_work, **both)},
            **both,
        )
        self.cycles = CycleUseCases(
            unit_of_work=self.world.cycle_unit_of_work, reader=self.world.cycle_reader, leave_cycle=leave_cycle, **both
        )
        self.reports = ReportUseCases(reader=self.world.report_reader, charts=WordyCharts(), clock=self.clock)
        self.counting = CountingUseCases(counts=self.world.day_counts)
        self.inbox = InboxUseCases(
            unit_of_work=self.world.inbox_unit_of_work, reader=self.world.notification_reader, clock=self.clock
        )
        self.telling = TellingUseCases(logs=self.world.notified_logs, deadlines=self.world.deadline_days, **both)
        self.events = EventUseCases(reader=self.world.event_reader)
        self.searching = SearchUseCases(reader=self.world.search_reader)
        self.projects = ProjectUseCases(
            unit_of_work=self.world.project_unit_of_work, reader=self.world.project_reader, **both
        )
        self.members = MemberUseCases(
            unit_of_work=self.world.member_unit_of_work,
            reader=self.world.member_reader,
            clock=self.clock,
            on_removed=release_tasks,
        )
        self.companies = CompanyUseCases(
            unit_of_work=self.world.company_unit_of_work,
            reader=self.world.company_reader,
            addresses=PlainEmailAddresses(),
            registration=registration,
            **both,
        )
        self.tokens = CountedInvitationTokens()
        signing: dict[str, Any] = {
            "identity": self.world.identity_unit_of_work,
            "access_tokens": RememberedAccessTokens(),
            "refresh_tokens": ReadableRefreshTokens(),
            **both,
        }
        self.time_codes = PredictableTimeCodes()
        codes = FactorCodes(time_codes=self.time_codes, recovery_codes=CountedRecoveryCodes())
        tickets, attempts = RememberedTickets(), CountedAttempts(self.clock)
        guessing = Guessing(
            attempts=attempts,
            devices=ReadableDeviceTokens(),
            identity=self.world.identity_unit_of_work,
            clock=self.clock,
        )
        signing |= {"guessing": guessing, "codes": codes}
        self.second_step = SecondStepUseCases(tickets=tickets, **signing)
        signing |= {
            "passwords": self.passwords,
            "addresses": PlainEmailAddresses(),
            "registration": registration,
        }
        self.auth = AuthUseCases(profiles=self.world.company_reader, tickets=tickets, **signing)
        self.link_tokens = ReadableLinkTokens()
        links = Links(mailed=self.link_tokens, shown=self.tokens, clock=self.clock)
        self.acceptance = AcceptanceUseCases(links=links, **signing)
        people: dict[str, Any] = {
            "unit_of_work": self.world.people_unit_of_work,
            "reader": self.world.user_reader,
            "addresses": PlainEmailAddresses(),
            "tokens": self.tokens,
            **both,
        }
        self.users = UserUseCases(passwords=CheckedPasswords(passwords=self.passwords), on_ended=end_tokens, **people)
        self.invitations = InvitationUseCases(**people)
        self.api_token_texts = NumberedApiTokenTexts()
        self.api_tokens = ApiTokenUseCases(
            unit_of_work=self.world.people_unit_of_work,
            reader=self.world.api_token_reader,
            user_reader=self.world.user_reader,
            texts=self.api_token_texts,
            **both,
        )
        self.presented_tokens = PresentedTokenUseCases(
            presented=self.world.presented_tokens, texts=self.api_token_texts, clock=self.clock
        )

        self.sessions = SessionUseCases(
            identity=self.world.identity_unit_of_work,
            reader=self.world.session_reader,
            passwords=self.passwords,
            codes=codes,
            guessing=guessing,
            **both,
        )
        self.letters = LetterLimits(attempts=attempts)
        mailing: dict[str, Any] = {
            "identity": self.world.identity_unit_of_work,
            "addresses": PlainEmailAddresses(),
            "links": links,
            "letters": self.letters,
            **both,
        }
        self.recovery = RecoveryUseCases(passwords=self.passwords, guessing=guessing, **mailing)
        self.email = EmailUseCases(**mailing)
        self.mailbox = Mailbox()
        self.mail = MailUseCases(
            mail=self.mailbox,
            companies=self.world.company_posts,
            accounts=self.world.account_posts,
            links=self.link_tokens,
            letters=self.letters,
            wording=Wording(public_url="https://flowtrack.example.com"),
            **both,
        )
        self.digests = DigestUseCases(
            mail=self.mailbox,
            posts=self.world.digest_posts,
            wording=Wording(public_url="https://flowtrack.example.com"),
            clock=self.clock,
        )
        self.factors = FactorUseCases(
            identity=self.world.identity_unit_of_work,
            codes=codes,
            time_codes=self.time_codes,
            guessing=guessing,
            clock=self.clock,
        )
        self.unlocking = UnlockingUseCases(
            unit_of_work=self.world.people_unit_of_work,
            attempts=attempts,
            guessing=guessing,
        )

        self.token_operator = TokenOperatorUseCases(
            unit_of_work=self.world.token_operator_unit_of_work, texts=self.api_token_texts, **both
        )
        self.providers, self.records = ScriptedProviders(), KnownDomainRecords()
        at_providers: dict[str, Any] = {"addresses": PlainEmailAddresses(), **both}
        secrets = CountedLoginSecrets()
        self.oidc_connections = OidcConnectionUseCases(
            unit_of_work=self.world.oidc_unit_of_work,
            reader=self.world.oidc_reader,
            sealing=PlainSealing(),
            plain_http=False,
            **at_providers,
        )
        self.email_domains = EmailDomainUseCases(
            unit_of_work=self.world.oidc_unit_of_work,
            linking=self.world.linking_unit_of_work,
            reader=self.world.oidc_reader,
            records=self.records,
            secrets=secrets,
            **at_providers,
        )
        self.oidc_logins = OidcLoginUseCases(
            linking=self.world.linking_unit_of_work,
            providers=self.providers,
            instance_providers=(EVERYONES,),
            sealing=PlainSealing(),
            states=PlainSealing("state:"),
            secrets=secrets,
            access_tokens=signing["access_tokens"],
            refresh_tokens=signing["refresh_tokens"],
            redirects=(PAGE,),
            **at_providers,
        )

        self.remains = InMemoryRemains(self.world.store)
        self.purging = PurgeUseCases(remains=self.remains, clock=self.clock)
        self.operator = OperatorUseCases(
            unit_of_work=lambda: InMemoryOperatorUnitOfWork(self.world.store),
            passwords=self.passwords,
            addresses=PlainEmailAddresses(),
            **both,
        )

    def _webhooks(self, both: dict[str, Any]) -> None:
        parts = {"unit_of_work": self.world.webhook_unit_of_work, "reader": self.world.webhook_reader}
        self.sending, self.observed = RememberedSending(), RememberedDeliveries()
        attempts = Attempts(
            dispatches=self.world.dispatches,
            sending=self.sending,
            observer=self.observed,
            tracing=NoTracing(),
            clock=self.clock,
            jitter=lambda: 0.0,
        )
        self.webhooks = WebhookUseCases(
            sealing=PlainSealing(), secrets=CountedWebhookSecrets(), to_this_machine=False, **parts, **both
        )
        self.deliveries = DeliveryUseCases(attempts=attempts, **parts, **both)
        self.webhook_queue = WebhookQueueUseCases(queues=self.world.event_queues, **both)
        self.dispatching = DispatchUseCases(
            dispatches=self.world.dispatches, attempts=attempts, observer=self.observed, **both
        )

    @staticmethod
    async def open(*, registration: str = "open") -> "Office":
        office = Office(registration=registration)
        world = office.world
        office.olga = await world.company("Acme")
        company_id = office.olga.company_id
        office.adam = await world.person(company_id, name="Adam", role=Role.ADMIN)
        office.mia = await world.person(company_id, name="Mia")
        office.max = await world.person(company_id, name="Max")
        office.nora = await world.person(company_id, name="Nora")
        office.web, _ = await office.projects.open(office.adam, name="Website", key="WEB")
        await office.joins_web(office.mia)
        await office.joins_web(office.max)
        return office

    async def joins_web(self, actor: Actor) -> None:
        await self.world.add_to_project(self.web.id, actor)

    async def task(self, title: str = "Draw", *, by: Actor | None = None, **fields: Any) -> TaskView:
        """A task in WEB, by Adam unless somebody else is named."""
        given: dict[str, Any] = {"project_id": self.web.id, "title": title, **fields}
        view, _ = await self.tasks.create(by or self.adam, NewTask(**given))
        return view

    async def lineage(self, count: int) -> list[TaskView]:
        """Tasks of WEB, each below the one before."""
        found: list[TaskView] = []
        for number in range(count):
            found.append(await self.task(f"level {number}", parent_id=found[-1].id if found else None))
        return found

    async def label(self, name: str = "design", *, by: Actor | None = None, **fields: Any) -> LabelView:
        """A label, by Adam unless somebody else is named."""
        view, _ = await self.labels.create(by or self.adam, name=name, **fields)
        return view

    async def comment(
        self, body: str = "Which one?", *, on: UUID, by: Actor | None = None, **fields: Any
    ) -> CommentView:
        """A comment on a task, by Mia unless somebody else is named."""
        view, _ = await self.comments.create(by or self.mia, on, body=body, **fields)
        return view

    async def cycle(self, name: str = "Autumn", *, by: Actor | None = None, **fields: Any) -> CycleView:
        """A planned cycle of WEB, by Adam unless somebody else is named."""
        given: dict[str, Any] = {"project_id": self.web.id, "name": name, **fields}
        view, _ = await self.cycles.create(by or self.adam, NewCycle(**given))
        return view

    async def active_cycle(self, name: str = "Now") -> CycleView:
        """A cycle of WEB that was started."""
        return (await self.cycles.start(self.adam, (await self.cycle(name)).id)).value

    async def completed_cycle(self, name: str = "Past") -> CycleView:
        """A cycle of WEB that is over."""
        return (await self.cycles.complete(self.adam, (await self.active_cycle(name)).id)).value

    async def robot(self, name: str = "Robot", *, by: Actor | None = None, **fields: Any) -> UserView:
        """A service user, made by Adam unless somebody else is named."""
        given: dict[str, Any] = {"name": name, "kind": UserKind.SERVICE, **fields}
        return (await self.users.create(by or self.adam, NewUser(**given))).value.user

    async def api_token(self, *, of: Actor | UserView | None = None, **fields: Any) -> NewApiTokenView:
        """A token of Adam's, or of somebody else, or of a service user, made by Adam."""
        given = NewApiToken(**{"name": "Report", "scopes": (Scope.TASKS_READ,), "expires_at": USUAL, **fields})
        if isinstance(of, UserView):
            return (await self.api_tokens.create_for(self.adam, of.id, given)).value
        return (await self.api_tokens.create(of or self.adam, given)).value

    async def by_token(self, **fields: Any) -> Actor:
        """A caller who acts by a new token; for whom, and with what, as `api_token` has it."""
        return await self.presented_tokens.recognise((await self.api_token(**fields)).secret or "")

    async def archive_web(self) -> None:
        project = self.stored.projects[self.web.id]
        self.stored.projects[project.id] = replace(project, is_active=False, version=project.version + 1)

    async def register(self, email: str = "ann@example.com", **given: Any) -> SignedIn:
        fields: dict[str, Any] = {"name": "Ann Miller", "password": PASSWORD, **given}
        return await self.auth.register(Visitor(), Registration(email=email, **fields))

    async def invited(self, email: str, **given: Any) -> Acceptance:
        """What somebody sends who follows the link of Olga's invitation and has that password."""
        made, _ = await self.invitations.send(self.olga, email=email, role=Role.MEMBER)
        return Acceptance(token=made.token or "", password=PASSWORD, **given)

    async def enable_factor(self, actor: Actor) -> tuple[str, tuple[str, ...]]:
        """Gives the actor's account a second factor: the secret, and the recovery codes. Its first code is used up."""
        secret, _ = await self.factors.enable(actor)
        return secret, await self.factors.confirm(actor, code=self.code(secret))

    def code(self, secret: str, *, later: int = 0) -> str:
        """What the authenticator shows now, or so many steps later."""
        return self.time_codes.code(secret, at=self.clock.now(), later=later)

    def change_account(self, email: str = "ann@example.com", **fields: Any) -> None:
        """Changes an account as no request can: `password_is_temporary=True`, `password_hash="older:..."`."""
        accounts = self.world.tables.accounts
        (account,) = (each for each in accounts.values() if each.email == email)
        accounts[account.id] = replace(account, **fields)

    async def mailed(self, to: str | None = None) -> list[Message]:
        """Delivers what waits, and answers all that came so far, of one address if it is named."""
        await self.mail.deliver(System())
        return [each for each in self.mailbox.messages if to in (None, each.to)]

    async def link_to(self, to: str) -> str:
        """The secret of the newest link that was mailed to an address."""
        texts = [each.text for each in await self.mailed(to) if "#" in each.text]
        return texts[-1].partition("#")[2].split()[0]

    def signed_in_to(self, token: str) -> Actor:
        """Somebody in an open login session of the account that a mailed link is for."""
        link = self.link_tokens.read(token)
        sessions = self.world.tables.sessions.values()
        session = next(each for each in sessions if link and each.account_id == link.owner_id and not each.revoked_at)
        here = {"company_id": self.olga.company_id, "user_id": self.olga.user_id, "role": Role.MEMBER}
        return Actor(account_id=session.account_id, session_id=session.id, **here)

    async def follow(self, token: str) -> None:
        """Proves an address by a link that was mailed to it, as whoever is signed in to its account does."""
        await self.email.verify(Visitor(), token=token, actor=self.signed_in_to(token))

    @property
    def stored(self) -> CompanyTables:
        return self.world.tables.companies[self.olga.company_id]

    @property
    def head(self) -> int:
        return self.stored.last_seq

    def stored_task(self, task_id: UUID) -> Task:
        return self.stored.tasks[task_id]

    def columns(self, category: Status) -> list[StoredColumn]:
        """The columns of WEB of that category, from left to right."""
        return [column for column in self.stored.columns_of(self.web.id) if column.category is category]

    def column(self, category: Status) -> UUID:
        return self.columns(category)[0].id

    def add_column(self, category: Status, name: str = "Another", *, position: int = 9) -> UUID:
        column = StoredColumn(
            id=self.world.ids.new(), project_id=self.web.id, name=name, category=category, position=position
        )
        self.stored.columns[column.id] = column
        return column.id

    def drop_columns(self, category: Status) -> None:
        for column in self.columns(category):
            del self.stored.columns[column.id]

    def order(self, category: Status = Status.TODO) -> list[str]:
        """The titles of the cards in the first column of that category, from top to bottom."""
        return [card.title for card in self.stored.cards(self.column(category))]

    def facts(self, *, after: int) -> list[StoredEvent]:
        return list(self.stored.events[after:])
