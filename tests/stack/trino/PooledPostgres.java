import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;

// The driver of the Iceberg catalog: Postgres over sessions that stay open. Trino opens one whenever it looks at a table, which took an
// eighth of the processor.
public final class PooledPostgres extends org.postgresql.Driver {
    private static final Map<String, HikariDataSource> POOLS = new ConcurrentHashMap<>();

    @Override
    public Connection connect(String url, Properties properties) throws SQLException {
        return POOLS.computeIfAbsent(url, PooledPostgres::open).getConnection();
    }

    private static HikariDataSource open(String url) {
        HikariConfig config = new HikariConfig();
        config.setDriverClassName("org.postgresql.Driver");
        config.setJdbcUrl(url);
        config.setMaximumPoolSize(20);
        config.setMinimumIdle(1);
        // The pool is made although Postgres is away.
        config.setInitializationFailTimeout(-1);
        return new HikariDataSource(config);
    }
}
