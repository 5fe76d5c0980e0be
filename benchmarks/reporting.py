"""`python -m benchmarks.reporting`: each report in a company of 100,000 tasks, as often as the same server lists 50 of them.

One server process, PostgreSQL and the load as in `benchmarks.run`. A report may take 25 times a list.
"""

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg

from benchmarks import asking, load, seeding, servers
from benchmarks.seeding import Company, Size

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
_MINE = """
update tasks set assigned_to = (array(select id from users where company_id = %(company)s order by id))[
  1 + number %% (select count(*)::integer from users where company_id = %(company)s)] where company_id = %(company)s
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


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reporting", description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=1.0)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flowtrack-bench-")))
        folder.chmod(0o711)
        servers.pin_ourselves()
        urls = stack.enter_context(seeding.cluster(folder)).make_database("reports")
        server = stack.enter_context(servers.product("reports", folder=folder, url=urls.application))
        size = Size(companies=1, tasks=given.tasks, biggest=given.tasks)
        (company,) = seeding.fill(urls, seeding.register(server, count=1), size)
        with psycopg.connect(urls.superuser, autocommit=True) as connection:
            values = {"company": company.id, "owner": company.owner_id}
            for statement in (_DAYS, _CYCLE_DAYS, _MEMBERS, _MINE):
                connection.execute(statement, values)
            connection.execute("vacuum (analyze)")
            people = connection.execute("select count(*) from users where company_id = %(company)s", values).fetchone()
        print(f"{given.tasks:,} tasks of {people[0]} people in {len(company.project_ids)} projects")

        def rate(path: str) -> float:
            request = asking.encoded("GET", f"/api/v1{path}", token=company.token)
            if path.endswith(".svg"):
                request = request.replace(b"application/json", b"image/svg+xml")
            repeated = asking.over_and_over([request])
            return load.run(server.port, repeated, expected=200, warm_up=0.3, seconds=given.seconds).rate

        before = server.megabytes()
        for name, path in addresses(company).items():
            lists, reports = rate("/tasks?limit=50"), rate(path)
            times = lists / reports
            print(f"{name}: {times:.1f} times a list ({1e3 / reports:.2f} ms, {1e3 / lists:.2f} ms)"
                  f"{'' if times <= MOST else '  TOO SLOW'}", flush=True)  # fmt: skip
            time.sleep(0.1)
        print(f"server: {before:.0f} MB before, {server.megabytes():.0f} MB once it had drawn")


if __name__ == "__main__":
    main()
