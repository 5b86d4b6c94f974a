//! Reads Trino's SQL, and checks that nothing of it was lost.

use sqlparser::ast::{Query, Statement};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use crate::reason::{Reason, Result, unsupported};

/// A longer query is not analysed: a chain of operators is as deep as it is long. Blanks count.
const MOST_TOKENS: usize = 20_000;
/// So much of a strange word is shown.
const MOST_SHOWN: usize = 40;

/// Parses one query, prints it, and compares the words of both texts. If a word differs, the parser lost or misread something.
pub(crate) fn parse(sql: &str) -> Result<Query> {
    if Tokenizer::new(&GenericDialect {}, sql)
        .tokenize()
        .is_ok_and(|tokens| tokens.len() > MOST_TOKENS)
    {
        return unsupported("a query of so many words");
    }
    if sql.contains("/*!") {
        return unsupported("a comment that begins with `/*!`");
    }
    let statements = Parser::parse_sql(&GenericDialect {}, sql)
        .map_err(|error| Reason::Unparsed(error.to_string()))?;
    let [Statement::Query(query)] = statements.as_slice() else {
        return Err(Reason::Unsupported("what is not one `select`".into()));
    };
    let printed = query.to_string();
    if words(sql)? != words(&printed)? {
        return Err(Reason::Unfaithful(printed));
    }

    Ok((**query).clone())
}

/// The words and signs of a query, without blanks, comments, and the `as` that may be left out.
fn words(sql: &str) -> Result<Vec<String>> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql)
        .tokenize()
        .map_err(|error| Reason::Unparsed(error.to_string()))?;
    for pair in tokens.windows(2) {
        if matches!(pair, [Token::Number(..), Token::Word(_)]) {
            return unsupported(format!("the number `{}{}`", pair[0], pair[1]));
        }
    }
    let mut words = Vec::new();
    for token in tokens {
        check(&token)?;
        match token {
            Token::Whitespace(_) | Token::SemiColon => {}
            Token::Word(word) if word.quote_style.is_none() => {
                let word = word.value.to_lowercase();
                if word != "as" {
                    words.push(word);
                }
            }
            token => words.push(token.to_string()),
        }
    }

    Ok(words)
}

/// Refuses what Trino reads in another way than the parser does. The parser knows the literals and operators of many databases, in which it
/// would hide what Trino reads as SQL. So only words and signs that both read alike are taken.
fn check(token: &Token) -> Result<()> {
    match token {
        // In Trino comments do not nest.
        Token::Whitespace(Whitespace::MultiLineComment(text))
            if text.contains("/*") || text.starts_with('!') =>
        {
            unsupported("a comment in a comment")
        }
        Token::Whitespace(Whitespace::SingleLineComment { prefix, .. }) if prefix != "--" => {
            unsupported(format!("a comment that begins with `{prefix}`"))
        }
        Token::Whitespace(Whitespace::SingleLineComment { comment, .. })
            if comment
                .trim_end_matches('\n')
                .trim_end_matches('\r')
                .contains('\r') =>
        {
            unsupported("a comment with a carriage return")
        }
        Token::Word(word) if word.quote_style.is_none_or(|quote| quote == '"') => Ok(()),
        Token::SingleQuotedString(_)
        | Token::Number(_, false)
        | Token::Whitespace(_)
        | Token::Comma
        | Token::Period
        | Token::Colon
        | Token::SemiColon
        | Token::LParen
        | Token::RParen
        | Token::LBracket
        | Token::RBracket
        | Token::Eq
        | Token::Neq
        | Token::Lt
        | Token::LtEq
        | Token::Gt
        | Token::GtEq
        | Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::Mod
        | Token::StringConcat
        | Token::Arrow
        | Token::RArrow => Ok(()),
        _ => {
            let shown: String = token.to_string().chars().take(MOST_SHOWN).collect();
            unsupported(format!("`{shown}`, which is not read here"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_databases_quote_hides_nothing_from_the_parser() {
        for hidden in [
            "select R\"\"\" \", (select max(a) from secret) as m from t -- \"\"\"",
            "select R'\\' as a, b from t",
            "select E'a\\', b from secret -- ' from t",
            "select N'a' from t",
            "select B'a' from t",
            "select $$ a $$ from t",
            "select U&'a' from t",
            "select Q'[a]' from t",
            "select `a` from t",
            "select 10L from t",
        ] {
            let read = parse(hidden);
            assert!(
                matches!(read, Err(Reason::Unsupported(_) | Reason::Unparsed(_))),
                "{hidden}: {read:?}"
            );
        }
        assert!(
            parse("select a[1], x -> x + 1, f(a => 1), \"b\" || 'it''s' from t where a <-- c\n1")
                .is_ok()
        );
    }
}
