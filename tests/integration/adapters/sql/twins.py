"""Two companies that hold the same words in every tenant table, so that a hole in the wall would be seen."""

import uuid
from dataclasses import dataclass

from tests.integration.adapters.sql.firms import Firm, Firms, Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """`ours` asks; `theirs` is what it must not see. Each has one project."""

    ours: Firm
    theirs: Firm
    our_project: Ground
    their_project: Ground


def make_twins(firms: Firms) -> Twins:
    ours, theirs = firms.new(), firms.new()
    return Twins(ours=ours, theirs=theirs, our_project=_fill(ours), their_project=_fill(theirs))


def _fill(firm: Firm) -> Ground:
    project = firm.project(key="SAME")
    member = firm.user(projects=[project])
    for _ in range(2):
        firm.task(project, title="Same", assigned_to=member)
    gone = firm.task(project, title="Same")
    firm.sql("update tasks set deleted_at = now() where company_id = %s and id = %s", (firm.id, gone))
    firm.sql("update users set name = 'Robin' where company_id = %s", (firm.id,))
    firm.sql(
        "insert into events (company_id, seq, event, channel, occurred_at, via, for_admins, body)"
        " values (%s, 1, 'noted', 'task_updates', now(), 'session', true, '{}')",
        (firm.id,),
    )
    firm.sql(
        "insert into audit_events (company_id, type, at, via, details, digest)"
        " values (%s, 'role.changed', now(), 'session', '{}', 'digest')",
        (firm.id,),
    )
    firm.sql("insert into log_positions (company_id, reader, seq) values (%s, 'mail', 0)", (firm.id,))
    firm.sql("insert into used_tickets (company_id, id, expires_at) values (%s, gen_random_uuid(), now())", (firm.id,))
    firm.sql("update event_sequences set last_seq = 1 where company_id = %s", (firm.id,))
    firm.sql(
        "insert into idempotency_keys (company_id, id, user_id, digest, kind, resource_id, seq,"
        " created_at) values (%s, %s, %s, 'digest', 'task', %s, 1, now())",
        (firm.id, uuid.uuid4(), firm.owner.user_id, uuid.uuid4()),
    )
    firm.sql(
        "insert into invitations (company_id, id, email, role, user_id, token_digest, invited_by, created_at, expires_at)"
        " values (%s, %s, 'robin@example.com', 'member', %s, %s, %s, now(), now())",
        (firm.id, uuid.uuid4(), member.user_id, uuid.uuid4().bytes, firm.owner.user_id),
    )
    firm.sql(
        "insert into api_tokens (company_id, id, user_id, name, scopes, digest, hint, created_by, created_at)"
        " values (%s, %s, %s, 'Same', '{tasks:read}', %s, 'ftk_same', %s, now())",
        (firm.id, uuid.uuid4(), member.user_id, uuid.uuid4().bytes, firm.owner.user_id),
    )
    firm.sql(
        "insert into jobs (company_id, id, kind, state, unit, done, created_by, via, attempts, created_at)"
        " values (%s, %s, 'task_import', 'queued', 'rows', 0, %s, 'session', 0, now())",
        (firm.id, uuid.uuid4(), member.user_id),
    )
    firm.sql(
        "insert into task_imports (company_id, id, project_id, progress, created_at)"
        " select company_id, id, %s, '{}', now() from jobs where company_id = %s",
        (project.id, firm.id),
    )
    firm.sql(
        "insert into import_chunks (company_id, import_id, number, content)"
        " select company_id, id, 0, 'same' from jobs where company_id = %s",
        (firm.id,),
    )
    firm.sql(
        "insert into import_rows (company_id, import_id, external_id, number)"
        " select company_id, id, 'same', 2 from jobs where company_id = %s",
        (firm.id,),
    )
    cycle = uuid.uuid4()
    firm.sql(
        "insert into cycles (company_id, id, project_id, number, name, s3_prefix, status, created_by, version,"
        " created_at, updated_at) values (%s, %s, %s, 1, 'Same', 'same/1', 'planned', %s, 1, now(), now())",
        (firm.id, cycle, project.id, firm.owner.user_id),
    )
    firm.sql("update tasks set cycle_id = %s where company_id = %s", (cycle, firm.id))
    firm.sql(
        "insert into counted_tasks (company_id, task_id, project_id, status, is_counted)"
        " select company_id, id, project_id, status, true from tasks where company_id = %s",
        (firm.id,),
    )
    firm.sql("insert into project_days values (%s, %s, '2026-01-01', 1, 2, 3)", (firm.id, project.id))
    firm.sql("insert into cycle_days values (%s, %s, '2026-01-01', 'planned', 1, 2, 0, 0)", (firm.id, cycle))
    label = uuid.uuid4()
    firm.sql(
        "insert into labels (company_id, id, name, folded, created_by, version, created_at, updated_at)"
        " values (%s, %s, 'Same', 'same', %s, 1, now(), now())",
        (firm.id, label, firm.owner.user_id),
    )
    firm.sql(
        "insert into task_labels select company_id, id, %s, created_at from tasks where company_id = %s",
        (label, firm.id),
    )
    firm.sql(
        "with said as (insert into comments (company_id, id, task_id, author_id, body, version, created_at, updated_at)"
        "  select company_id, gen_random_uuid(), id, created_by, 'Same', 1, now(), now() from tasks where company_id = %s"
        "  returning *), mentioned as (insert into comment_mentions select company_id, id, %s from said)"
        " insert into task_watchers select company_id, task_id, %s, true from said",
        (firm.id, member.user_id, member.user_id),
    )
    firm.sql(
        "insert into task_keys (company_id, project_id, number, task_id) values (%s, %s, 100, %s)",
        (firm.id, project.id, gone),
    )
    firm.sql(
        "insert into oidc_connections (company_id, id, name, issuer, client_id, sealed_client_secret, domains, default_role,"
        " role_map, jit_provisioning, enforce_sso, admits_owners, version, created_at, updated_at)"
        " values (%s, %s, 'Same', 'https://same.example', 'same', '', '{same.example}', 'member', '{}', false, false,"
        " true, 1, now(), now())",
        (firm.id, uuid.uuid4()),
    )
    firm.sql(
        "with hook as (insert into webhooks (company_id, id, url, description, types, channels, project_ids, is_active,"
        "  sealed_secret, sealed_previous_secret, failures, after_seq, version, created_at, updated_at)"
        "  values (%s, %s, 'https://same.example/', 'Same', '{}', '{}', '{}', false, '', '', 0, 0, 1, now(), now())"
        "  returning *), sent as (insert into webhook_deliveries (company_id, id, webhook_id, stream, event, seqs, state,"
        "  attempts, in_order, delayed, due_at, created_at) select company_id, gen_random_uuid(), id, company_id, 'same',"
        "  '{}', 'pending', 0, true, false, now(), now() from hook returning *)"
        " insert into webhook_attempts select company_id, id, 1, now(), 200, 5, 'Same', null from sent",
        (firm.id, uuid.uuid4()),
    )
    firm.sql(
        "insert into email_domains (company_id, id, domain, token, verified_at, version, created_at, updated_at)"
        " values (%s, %s, 'same.example', 'same', now(), 1, now(), now())",
        (firm.id, uuid.uuid4()),
    )
    firm.sql(
        "insert into notifications (company_id, id, seq, user_id, kind, cause, event, task_id, task_count, created_at)"
        " select company_id, gen_random_uuid(), 1, %s, 'assigned', row_number() over (), 'task_created', id, 1, now()"
        "   from tasks where company_id = %s",
        (member.user_id, firm.id),
    )
    firm.sql(
        "insert into notification_preferences (company_id, user_id, unwanted, mailed, is_mailed, version, created_at,"
        " updated_at) values (%s, %s, '{}', '{assigned}', true, 2, now(), now())",
        (firm.id, member.user_id),
    )
    firm.sql("insert into notification_days values (%s, '2026-01-01')", (firm.id,))
    return project
