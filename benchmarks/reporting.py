"""The reports that are measured, and what they are to tell. A report may take 25 times a list."""

import psycopg

from benchmarks.seeding import Company, Urls

MOST = 25.0
_DAYS = """
insert into project_days (company_id, project_id, day, todo, in_progress, done)
select p.company_id, p.id, current_date - n, 1000 - n, n, 2 * n from projects p, generate_series(0, 365) n
 where p.company_id = %(company)s
"""
_CYCLE_DAYS = """
insert into cycle_days (company_id, cycle_id, day, status, scope, done, added, removed)
select c.company_id, c.id, current_date - n, 'active', 1000, 366 - n, 1, 1 from cycles c, generate_series(0, 365) n
 where c.company_id = %(company)s
"""
_MEMBERS = """
insert into project_members (company_id, project_id, user_id, added_at)
select p.company_id, p.id, %(owner)s, now() from projects p where p.company_id = %(company)s on conflict do nothing
"""


def addresses(company: Company) -> dict[str, str]:
    """What is asked, by its name."""
    project, cycle = company.project_ids[0], company.cycle_ids[0]
    return {
        "project": f"/reports/project/{project}",
        "team-performance": "/reports/team-performance",
        "workload": "/reports/workload",
        "dashboard": "/dashboard",
        "burndown, 366 days": f"/reports/cycles/{cycle}/burndown",
        "flow, 90 days": f"/reports/projects/{project}/flow",
        "flow, 366 days": f"/reports/projects/{project}/flow?days=366",
        "burndown drawn, 366 days": f"/reports/cycles/{cycle}/burndown.svg",
        "flow drawn, 90 days": f"/reports/projects/{project}/flow.svg",
    }


def prepare(urls: Urls, company: Company) -> None:
    """A year of days of all projects and cycles, and the owner as a member of each."""
    with psycopg.connect(urls.superuser, autocommit=True) as connection:
        for statement in (_DAYS, _CYCLE_DAYS, _MEMBERS):
            connection.execute(statement, {"company": company.id, "owner": company.owner_id})
        connection.execute("vacuum (analyze) project_days, cycle_days, project_members")
