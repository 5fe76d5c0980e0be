"""The part of the composition root that builds accounts, people and companies, and how one signs in. Only the container
takes it up.
"""

from dependency_injector import containers, providers

from adapters.crypto.api_tokens import ChecksummedApiTokenTexts
from adapters.crypto.device_tokens import DerivedDeviceTokens
from adapters.crypto.link_tokens import DerivedLinkTokens, RandomInvitationTokens
from adapters.crypto.login_tickets import SealedLoginTickets
from adapters.crypto.recovery_codes import RandomRecoveryCodes
from adapters.crypto.sealing import Sealer
from adapters.crypto.time_codes import TotpCodes
from adapters.sql.connection import Database
from adapters.sql.login_sessions import SqlSessionReader
from adapters.sql.people import SqlPeopleUnitOfWork
from adapters.sql.readers.api_tokens import SqlApiTokenReader
from adapters.sql.readers.companies import SqlCompanyReader
from adapters.sql.readers.users import SqlUserReader
from adapters.sql.repositories.companies import SqlCompanyUnitOfWork
from adapters.sql.system import SqlIdentityUnitOfWork
from adapters.system.bell import Bell
from core.auth.ports import AccessTokens, Attempts, Passwords, RefreshTokens
from core.auth.use_cases.accepting import AcceptanceUseCases
from core.auth.use_cases.codes import FactorCodes
from core.auth.use_cases.factors import FactorUseCases
from core.auth.use_cases.following import LetterLimits, Links
from core.auth.use_cases.guessing import Guessing
from core.auth.use_cases.new_passwords import CheckedPasswords
from core.auth.use_cases.recovering import RecoveryUseCases
from core.auth.use_cases.second_step import SecondStepUseCases
from core.auth.use_cases.sessions import SessionUseCases
from core.auth.use_cases.signing_in import AuthUseCases
from core.auth.use_cases.unlocking import UnlockingUseCases
from core.auth.use_cases.verifying import EmailUseCases
from core.companies.use_cases import CompanyUseCases
from core.kernel.ports import Clock, Ids
from core.tokens.listeners import end_tokens
from core.tokens.ports import PresentedTokens
from core.tokens.use_cases.presenting import PresentedTokenUseCases
from core.tokens.use_cases.tokens import ApiTokenUseCases
from core.users.ports import EmailAddresses
from core.users.use_cases.invitations import InvitationUseCases
from core.users.use_cases.users import UserUseCases
from entrypoints.settings import Settings


class PeopleContainer(containers.DeclarativeContainer):
    """Who may come in, by what, and as whom."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    sealer: providers.Dependency[Sealer] = providers.Dependency(instance_of=Sealer)
    clock: providers.Dependency[Clock] = providers.Dependency()
    ids: providers.Dependency[Ids] = providers.Dependency()
    attempts: providers.Dependency[Attempts] = providers.Dependency()
    passwords: providers.Dependency[Passwords] = providers.Dependency()
    addresses: providers.Dependency[EmailAddresses] = providers.Dependency()
    access_tokens: providers.Dependency[AccessTokens] = providers.Dependency()
    refresh_tokens: providers.Dependency[RefreshTokens] = providers.Dependency()
    presented_tokens: providers.Dependency[PresentedTokens] = providers.Dependency()
    mail_bell: providers.Dependency[Bell] = providers.Dependency(instance_of=Bell)

    invitation_tokens = providers.Singleton(RandomInvitationTokens)
    link_tokens = providers.Singleton(DerivedLinkTokens, sealer)
    api_token_texts = providers.Singleton(ChecksummedApiTokenTexts)
    device_tokens = providers.Singleton(DerivedDeviceTokens, sealer)
    login_tickets = providers.Singleton(SealedLoginTickets, sealer)
    time_codes = providers.Singleton(TotpCodes, sealer, issuer=settings.provided.totp_issuer)
    recovery_codes = providers.Singleton(RandomRecoveryCodes)
    factor_codes = providers.Singleton(FactorCodes, time_codes=time_codes, recovery_codes=recovery_codes)
    letter_limits = providers.Singleton(LetterLimits, attempts=attempts)
    links = providers.Singleton(Links, mailed=link_tokens, shown=invitation_tokens, clock=clock)

    session_reader = providers.Singleton(SqlSessionReader, database)
    company_reader = providers.Singleton(SqlCompanyReader, database)
    user_reader = providers.Singleton(SqlUserReader, database)
    api_token_reader = providers.Singleton(SqlApiTokenReader, database)

    identity_unit_of_work = providers.Factory(SqlIdentityUnitOfWork, database, on_letters=mail_bell.provided.ring)
    guessing = providers.Singleton(
        Guessing, attempts=attempts, devices=device_tokens, identity=identity_unit_of_work.provider, clock=clock
    )
    people_unit_of_work = providers.Factory(SqlPeopleUnitOfWork, database, clock, on_letters=mail_bell.provided.ring)
    company_unit_of_work = providers.Factory(SqlCompanyUnitOfWork, database, clock)

    _signing_in = {
        "identity": identity_unit_of_work.provider,
        "access_tokens": access_tokens,
        "refresh_tokens": refresh_tokens,
        "codes": factor_codes,
        "guessing": guessing,
        "clock": clock,
        "ids": ids,
    }
    auth_use_cases = providers.Singleton(
        AuthUseCases,
        profiles=company_reader,
        passwords=passwords,
        addresses=addresses,
        tickets=login_tickets,
        registration=settings.provided.registration.value,
        **_signing_in,
    )
    second_step_use_cases = providers.Singleton(SecondStepUseCases, tickets=login_tickets, **_signing_in)
    acceptance_use_cases = providers.Singleton(
        AcceptanceUseCases,
        passwords=passwords,
        addresses=addresses,
        links=links,
        registration=settings.provided.registration.value,
        **_signing_in,
    )
    _people = {
        "unit_of_work": people_unit_of_work.provider,
        "reader": user_reader,
        "addresses": addresses,
        "tokens": invitation_tokens,
        "clock": clock,
        "ids": ids,
    }
    user_use_cases = providers.Singleton(
        UserUseCases,
        passwords=providers.Singleton(CheckedPasswords, passwords=passwords),
        on_ended=end_tokens,
        **_people,
    )
    api_token_use_cases = providers.Singleton(
        ApiTokenUseCases, unit_of_work=people_unit_of_work.provider, reader=api_token_reader, user_reader=user_reader,
        texts=api_token_texts, clock=clock, ids=ids,
    )  # fmt: skip
    presented_token_use_cases = providers.Singleton(
        PresentedTokenUseCases, presented=presented_tokens, texts=api_token_texts, clock=clock
    )
    invitation_use_cases = providers.Singleton(InvitationUseCases, **_people)
    session_use_cases = providers.Singleton(
        SessionUseCases,
        identity=identity_unit_of_work.provider,
        reader=session_reader,
        passwords=passwords,
        codes=factor_codes,
        guessing=guessing,
        clock=clock,
        ids=ids,
    )
    recovery_use_cases = providers.Singleton(
        RecoveryUseCases,
        identity=identity_unit_of_work.provider,
        passwords=passwords,
        addresses=addresses,
        links=links,
        letters=letter_limits,
        guessing=guessing,
        clock=clock,
        ids=ids,
    )
    email_use_cases = providers.Singleton(
        EmailUseCases,
        identity=identity_unit_of_work.provider,
        addresses=addresses,
        links=links,
        letters=letter_limits,
        clock=clock,
        ids=ids,
    )
    factor_use_cases = providers.Singleton(
        FactorUseCases,
        identity=identity_unit_of_work.provider,
        codes=factor_codes,
        time_codes=time_codes,
        guessing=guessing,
        clock=clock,
    )
    unlocking_use_cases = providers.Singleton(
        UnlockingUseCases,
        unit_of_work=people_unit_of_work.provider,
        attempts=attempts,
        guessing=guessing,
    )
    company_use_cases = providers.Singleton(
        CompanyUseCases,
        unit_of_work=company_unit_of_work.provider,
        reader=company_reader,
        addresses=addresses,
        clock=clock,
        ids=ids,
        registration=settings.provided.registration.value,
    )
