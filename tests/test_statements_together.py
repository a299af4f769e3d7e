"""Statements that do not wait for one another: the fences and the errors are as with any other."""

import pytest
from django.db import DataError, connection

from accounts.access import across_teams, team_scope
from accounts.models import TeamUsage, UsageDay
from conftest import People
from emotionsite.database import together


def told() -> tuple[str, str]:
    """Whose rows the session shows, as the server says."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('emotionsite.team'), current_setting('emotionsite.across')")
        team, across = cursor.fetchone()
    return team, across


def count_and_fail() -> None:
    with together(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_teamusage SET pictures = 7")
        cursor.execute("SELECT 1 / 0")


@pytest.mark.django_db(transaction=True)
def test_the_answers_are_there_at_the_end_and_in_the_scope_of_the_team(
    people: People, others: People
) -> None:
    with team_scope(people.team), connection.cursor() as one, connection.cursor() as other:
        with together():
            one.execute("SELECT count(*) FROM accounts_teamusage")
            other.execute("UPDATE accounts_teamusage SET pictures = 7")
        assert one.fetchone() == (1,)
        assert other.rowcount == 1
    with across_teams():
        assert sorted(TeamUsage.objects.values_list("pictures", flat=True)) == [0, 7]


@pytest.mark.django_db(transaction=True)
def test_when_one_is_refused_none_counts_and_the_next_statement_is_in_the_right_scope(
    people: People, others: People
) -> None:
    with team_scope(others.team):
        assert told() == (str(others.team.pk), "off")
    with team_scope(people.team):
        with pytest.raises(DataError):
            count_and_fail()
        # Telling the team was undone together with the rest.
        assert told() == (str(people.team.pk), "off")
        assert TeamUsage.objects.get().pictures == 0
        assert UsageDay.objects.count() == 0


@pytest.mark.django_db
def test_a_transaction_that_is_open_goes_on(people: People) -> None:
    with team_scope(people.team):
        with together(), connection.cursor() as cursor:
            cursor.execute("UPDATE accounts_teamusage SET pictures = 8")
        assert TeamUsage.objects.get().pictures == 8
