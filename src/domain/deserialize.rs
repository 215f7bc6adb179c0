//! How values that callers send are read: stricter than serde where it would guess, more lenient where what is meant is
//! plain. For `#[serde(deserialize_with = …)]`, together with `default`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};

/// The largest whole number up to which floating-point numbers leave none out.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A struct, from an object and from nothing else: serde would take a list of its fields as well. `None` from `null`.
///
/// # Errors
/// When it is neither, or when the struct refuses what is in it.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|Object(value)| value))
}

/// A list of structs, each from an object; empty from `null`.
///
/// # Errors
/// When it is neither, or when an element cannot be read.
pub fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let values = Option::<Vec<Object<T>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(values.into_iter().map(|Object(value)| value).collect())
}

/// A whole number, also when it is written as `5.0`, as some languages write every number. `None` from `null`.
///
/// # Errors
/// When it is neither.
pub fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(Option::<WholeNumber>::deserialize(deserializer)?.map(|WholeNumber(number)| number))
}

/// What is read from an object only.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// A number without a fraction.
struct WholeNumber(i64);

impl<'de> Deserialize<'de> for WholeNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(WholeNumberVisitor).map(Self)
    }
}

struct WholeNumberVisitor;

impl Visitor<'_> for WholeNumberVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<i64, E> {
        if number.fract() == 0.0 && number.abs() <= MAX_EXACT {
            return Ok(number as i64);
        }
        Err(E::invalid_type(Unexpected::Float(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Sample {
        #[serde(default, deserialize_with = "object")]
        one: Option<Point>,
        #[serde(default, deserialize_with = "objects")]
        many: Vec<Point>,
        #[serde(default, deserialize_with = "whole_number")]
        stars: Option<i64>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Point {
        x: i64,
    }

    fn read(text: &str) -> Result<Sample, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_is_no_object() {
        let whole = Sample { one: Some(Point { x: 1 }), many: vec![Point { x: 2 }], stars: None };
        assert_eq!(read(r#"{"one": {"x": 1}, "many": [{"x": 2}]}"#), Ok(whole));
        for list in [r#"{"one": [1]}"#, r#"{"one": []}"#, r#"{"many": [[1]]}"#] {
            let error = read(list).expect_err("it is a list");
            assert!(error.starts_with("invalid type: sequence, expected an object"), "{error}");
        }
        assert!(read(r#"{"many": {"x": 2}}"#).is_err());
    }

    #[test]
    fn null_is_as_if_it_were_not_there() {
        let nothing = Sample { one: None, many: Vec::new(), stars: None };
        assert_eq!(read(r#"{"one": null, "many": null, "stars": null}"#), Ok(nothing));
        assert_eq!(read("{}"), read(r#"{"one": null}"#));
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        let stars = |text: &str| read(&format!(r#"{{"stars": {text}}}"#)).map(|sample| sample.stars);
        assert_eq!(stars("5.0"), Ok(Some(5)));
        assert_eq!(stars("-4"), Ok(Some(-4)));
        for bad in ["4.5", "1e300", "18446744073709551615", "\"5\"", "true"] {
            assert!(stars(bad).is_err_and(|error| error.contains("expected a whole number")), "{bad}");
        }
    }
}
