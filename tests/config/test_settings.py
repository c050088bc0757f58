from config.settings import database


def test_an_address_says_where_the_database_is_and_how_to_get_there() -> None:
    given = database(
        "postgresql://app:p%2Fw@db.example:5433/utility?sslmode=verify-full&sslrootcert=/etc/utility/ca.pem"
    )

    assert {name: given[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")} == {
        "NAME": "utility",
        "USER": "app",
        "PASSWORD": "p/w",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "verify-full", "sslrootcert": "/etc/utility/ca.pem"},
    }


def test_a_socket_is_a_host_and_what_is_not_said_is_left_to_libpq() -> None:
    given = database("postgresql://app@/utility?host=%2Frun%2Futility")

    assert (given["HOST"], given["PORT"], given["PASSWORD"], given["OPTIONS"]) == ("/run/utility", "", "", {})
