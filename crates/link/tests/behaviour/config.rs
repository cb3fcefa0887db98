//! Link configurations in TOML, and how mistakes are reported.

use backroom_link::{GilbertElliott, LinkConfig, Loss};

use crate::ms;

#[test]
fn link_config_parses_from_toml() {
    let config: LinkConfig = toml::from_str(
        r#"
        rate = "10mbit"
        delay = "10ms"
        jitter = "1.5ms"
        queue = 100
        loss = 0.01
        duplicate = 0.001
        reorder = 0.25
        "#,
    )
    .unwrap();
    config.validate().unwrap();
    assert_eq!(
        config,
        LinkConfig {
            rate: Some("10mbit".parse().unwrap()),
            delay: ms(10),
            jitter: ms(3) / 2,
            queue: Some(100),
            loss: Loss::Random(0.01),
            duplicate: 0.001,
            reorder: 0.25,
        }
    );
}

#[test]
fn missing_keys_mean_no_impairment() {
    assert_eq!(
        toml::from_str::<LinkConfig>("").unwrap(),
        LinkConfig::default()
    );
}

#[test]
fn link_config_round_trips_through_toml() {
    for loss in ["0", "0.05", "gemodel 0.01 0.3 1 0", "drop 1 5 9"] {
        let config = LinkConfig {
            rate: Some("2500kbit".parse().unwrap()),
            delay: ms(20),
            loss: loss.parse().unwrap(),
            ..LinkConfig::default()
        };
        assert_eq!(config.loss.to_string(), loss);
        let text = toml::to_string(&config).unwrap();
        assert_eq!(
            toml::from_str::<LinkConfig>(&text).unwrap(),
            config,
            "{text}"
        );
    }
}

#[test]
fn mistakes_in_toml_are_reported_with_the_allowed_values() {
    for (text, allowed) in [
        ("rate = \"10\"", "10mbit"),
        ("delay = \"10\"", "10ms"),
        ("loss = 1.5", "from 0 to 1"),
        ("loss = 2", "from 0 to 1"),
        ("loss = -1", "from 0 to 1"),
        ("loss = \"gemodel 0.1\"", "gemodel P R"),
        ("loss = \"gemodel 0.1 0.2 0.3 0.4 0.5\"", "gemodel P R"),
        ("loss = \"drop one\"", "drop N"),
        ("loss = \"0.1 0.2\"", "fraction such as"),
        ("loss = \"\"", "fraction such as"),
        ("loss = true", "fraction such as"),
        ("speed = 1", "unknown field"),
    ] {
        let error = toml::from_str::<LinkConfig>(text).unwrap_err().to_string();
        assert!(error.contains(allowed), "{text}: {error}");
    }
}

#[test]
fn out_of_range_values_are_reported_with_the_allowed_range() {
    let base = LinkConfig::default();
    for (config, allowed) in [
        (
            LinkConfig {
                loss: Loss::Random(1.01),
                ..base.clone()
            },
            "loss is 1.01: expected a fraction from 0 to 1",
        ),
        (
            LinkConfig {
                loss: Loss::Random(f64::NAN),
                ..base.clone()
            },
            "from 0 to 1",
        ),
        (
            LinkConfig {
                loss: Loss::GilbertElliott(GilbertElliott {
                    p: 0.1,
                    r: 0.1,
                    loss_good: 0.0,
                    loss_bad: 2.0,
                }),
                ..base.clone()
            },
            "1-h of gemodel is 2",
        ),
        (
            LinkConfig {
                duplicate: -0.1,
                ..base.clone()
            },
            "duplicate is -0.1",
        ),
        (
            LinkConfig {
                reorder: 7.0,
                ..base.clone()
            },
            "reorder is 7",
        ),
        (
            LinkConfig {
                queue: Some(0),
                ..base.clone()
            },
            "at least 1 packet",
        ),
        (
            LinkConfig {
                delay: ms(61_000),
                ..base.clone()
            },
            "at most 60s",
        ),
        (
            LinkConfig {
                jitter: ms(2),
                delay: ms(1),
                ..base
            },
            "at most the delay, 1ms",
        ),
    ] {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(allowed), "{error}");
    }
}

#[test]
fn packets_in_flight_is_the_bandwidth_delay_product() {
    let config = LinkConfig {
        rate: Some("10mbit".parse().unwrap()),
        delay: ms(10),
        ..LinkConfig::default()
    };
    assert_eq!(config.packets_in_flight(1250), Some(10));
    assert_eq!(config.packets_in_flight(1251), Some(10));
    assert_eq!(config.packets_in_flight(1249), Some(11));
    assert_eq!(LinkConfig::default().packets_in_flight(1250), None);
}
